"""What is gone on from when checkpoints are damaged, and that nothing of anybody else's is taken for one or deleted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import structlog

from somersault.errors import CorruptDataError, NotFoundError, UnavailableError
from somersault.formats import checkpoint
from somersault.formats.checkpoint_series import CheckpointSeries
from somersault.storage import ObjectStore, open_store
from somersault.storage.memory import MemoryStore

_PREFIX = "r/checkpoints/learner/"


@pytest.fixture
def store() -> ObjectStore:
    return open_store("memory://")


def _checkpoint(value: float) -> checkpoint.Checkpoint:
    arrays = {"weights": np.full((2, 3), value, np.float32), "step": np.array([7], np.int64)}
    return checkpoint.Checkpoint(arrays=arrays, facts={"env_steps": int(value)})


def _key(number: int) -> str:
    return f"{_PREFIX}{number:012d}.safetensors"


def _steps(saved: checkpoint.Checkpoint) -> int:
    """Read a checkpoint as a service does, which refuses what isn't its own."""
    if "weights" not in saved.arrays:
        raise CorruptDataError("it lacks 'weights'")
    return int(saved.facts["env_steps"])


def _saved(store: ObjectStore, *numbers: int) -> CheckpointSeries:
    series = CheckpointSeries(store, _PREFIX)
    for number in numbers:
        series.save(_checkpoint(number), number=number)
    return series


def _restore(store: ObjectStore) -> int | None:
    return CheckpointSeries(store, _PREFIX).restore(_steps)


def _flipped(place: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:place] + bytes([data[place] ^ 1]) + data[place:][1:]


def _with_infinity(_data: bytes) -> bytes:
    """Return what a service that didn't check would have stored."""
    saved = _checkpoint(40)
    saved.arrays["weights"][1, 2] = np.inf
    return checkpoint.pack(saved)


def _of_something_else(_data: bytes) -> bytes:
    return checkpoint.pack(
        checkpoint.Checkpoint(arrays={"other": np.zeros(3, np.float32)}, facts={"env_steps": 40})
    )


_DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit of the header": _flipped(20),
    "a bit of the arrays": _flipped(-30),
    "cut in half": lambda data: data[: len(data) // 2],
    "cut by a byte": lambda data: data[:-1],
    "a byte too many": lambda data: data + b"\0",
    "empty": lambda _data: b"",
    "zeros": lambda data: bytes(len(data)),
    "not finite": _with_infinity,
    "other arrays": _of_something_else,
}


@pytest.mark.parametrize("damage", _DAMAGES)
def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_taken(
    store: ObjectStore, damage: str
) -> None:
    """Whatever happened to it; it stays as it is, for whoever wants to know what happened."""
    _saved(store, 20, 30, 40)
    damaged = _DAMAGES[damage](store.get(_key(40)))
    store.put(_key(40), damaged)
    with structlog.testing.capture_logs() as logs:
        assert _restore(store) == 30
    (told,) = [entry for entry in logs if entry["event"] == "checkpoint_damaged"]
    assert (told["key"], told["log_level"]) == (_key(40), "error")
    assert store.get(_key(40)) == damaged


def test_without_any_sound_one_the_message_names_all(store: ObjectStore) -> None:
    """Beginning anew in silence would throw a run away."""
    _saved(store, 20, 30)
    for number in (20, 30):
        store.put(_key(number), b"")
    with pytest.raises(CorruptDataError, match=r"0030.*0020"):
        _restore(store)


def test_what_is_stored_after_a_fall_back_is_the_newest_and_replaces_nothing_damaged(
    store: ObjectStore,
) -> None:
    """Even where the run comes to the same number again, and even if the damaged one can be read again later."""
    _saved(store, 20, 30, 40)
    sound = store.get(_key(40))
    store.put(_key(40), b"damaged")
    series = CheckpointSeries(store, _PREFIX)
    assert series.restore(_steps) == 30
    for number in (35, 40, 45, 50):
        series.save(_checkpoint(number), number=number)
    assert _restore(store) == 50
    assert store.get(_key(40)) == b"damaged"
    store.put(_key(40), sound)
    assert _restore(store) == 50
    again = CheckpointSeries(store, _PREFIX)
    again.restore(_steps)
    for number in (60, 70, 80, 90):
        again.save(_checkpoint(number), number=number)
    assert store.get(_key(40)) == sound
    assert list(store.list(_PREFIX)) == [_key(number) for number in (40, 70, 80, 90)]


def test_three_are_kept_beside_a_damaged_one(store: ObjectStore) -> None:
    """A damaged one takes no sound one's place."""
    _saved(store, 20, 30, 40)
    store.put(_key(40), b"")
    series = CheckpointSeries(store, _PREFIX)
    series.restore(_steps)
    series.save(_checkpoint(50), number=50)
    assert list(store.list(_PREFIX)) == [_key(number) for number in (20, 30, 40, 50)]


@pytest.mark.parametrize(
    "name",
    [
        "best.safetensors",
        "000000000099.safetensors.bak",
        "x/000000000099.safetensors",
        "0000000000099.safetensors",
        "99.safetensors",
        "-00000000099.safetensors",
        "٠٠٠٠٠٠٠٠٠٠٩٩.safetensors",
        "zzz",
    ],
)
def test_what_is_not_named_like_a_checkpoint_is_left_alone_and_named(store: ObjectStore, name: str) -> None:
    """A copy that somebody keeps beside them is neither the newest nor the oldest."""
    store.put(f"{_PREFIX}{name}", b"mine")
    series = _saved(store, 10, 20, 30, 40, 50)
    with structlog.testing.capture_logs() as logs:
        assert _restore(store) == 50
    assert [entry["key"] for entry in logs if entry["event"] == "unknown_object_left_alone"] == [
        f"{_PREFIX}{name}"
    ]
    series.save(_checkpoint(60), number=60)
    assert store.get(f"{_PREFIX}{name}") == b"mine"
    assert len(list(store.list(_PREFIX))) == 4


def test_numbers_are_ordered_as_numbers(store: ObjectStore) -> None:
    """Those of thirteen digits come after those of twelve."""
    _saved(store, 999_999_999_999, 10**12, 10**12 + 1, 10**12 + 2)
    assert _restore(store) == 10**12 + 2
    assert _key(999_999_999_999) not in list(store.list(_PREFIX))


def test_what_is_not_finite_is_never_stored(store: ObjectStore) -> None:
    """The last good one stays the newest."""
    series = _saved(store, 10)
    spoilt = _checkpoint(20)
    spoilt.arrays["weights"][0, 0] = np.nan
    with pytest.raises(CorruptDataError, match="weights"):
        series.save(spoilt, number=20)
    assert _restore(store) == 10


class _Vanishing(MemoryStore):
    """Lists an object that is gone before it is read, and can be away."""

    is_away = False

    def get(self, key: str, *, expect_sha256: str | None = None) -> bytes:
        if self.is_away:
            raise UnavailableError("away")
        if key == _key(40):
            raise NotFoundError(f"no object {key}")
        return super().get(key, expect_sha256=expect_sha256)


def test_one_that_has_vanished_is_passed_over_but_a_store_that_is_away_is_not(store: ObjectStore) -> None:
    """A store that is away for a moment must not cost what it holds."""
    vanishing = _Vanishing()
    _saved(vanishing, 30, 40)
    assert _restore(vanishing) == 30
    vanishing.is_away = True
    with pytest.raises(UnavailableError):
        _restore(vanishing)


def test_a_series_that_fell_back_tells_what_it_went_on_from(store: ObjectStore) -> None:
    """The service tells the run's owner."""
    _saved(store, 30, 40)
    store.put(_key(40), b"")
    series = CheckpointSeries(store, _PREFIX)
    assert series.restore(_steps) == 30
    assert series.fall_back is not None
    assert _key(40) in series.fall_back
    assert _key(30) in series.fall_back
    assert CheckpointSeries(store, _PREFIX).fall_back is None
