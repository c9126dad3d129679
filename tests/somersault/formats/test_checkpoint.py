"""Checkpoints come back as they were stored, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

from somersault.errors import CorruptDataError
from somersault.formats import checkpoint
from somersault.storage import ObjectStore, open_store


@pytest.fixture
def store() -> ObjectStore:
    return open_store("memory://")


def _checkpoint(value: float) -> checkpoint.Checkpoint:
    arrays = {"weights": np.full((2, 3), value, np.float32), "step": np.array([7], np.int64)}
    return checkpoint.Checkpoint(arrays=arrays, facts={"env_steps": int(value)})


def test_the_newest_of_several_comes_back_bit_for_bit(store: ObjectStore) -> None:
    """Numbers order checkpoints, whatever their order of storing; three are kept."""
    for number in (10, 20, 30, 40):
        checkpoint.save(store, "r/checkpoints/learner/", number=number, checkpoint=_checkpoint(number))
    newest = checkpoint.load_newest(store, "r/checkpoints/learner/")
    assert newest is not None
    assert newest.facts == {"env_steps": 40}
    np.testing.assert_array_equal(newest.arrays["weights"], np.full((2, 3), 40, np.float32))
    assert newest.arrays["step"].dtype == np.int64
    assert len(list(store.list("r/checkpoints/learner/"))) == 3


def test_without_checkpoints_there_is_none(store: ObjectStore) -> None:
    """A fresh run starts from nothing without an error."""
    assert checkpoint.load_newest(store, "r/checkpoints/learner/") is None


@pytest.mark.parametrize("place", [20, -1])
def test_one_changed_bit_is_found_and_the_message_says_what_to_do(store: ObjectStore, place: int) -> None:
    """A flipped bit in header or data names the object and the one before."""
    checkpoint.save(store, "p/", number=1, checkpoint=_checkpoint(1))
    key = checkpoint.save(store, "p/", number=2, checkpoint=_checkpoint(2))
    data = bytearray(store.get(key))
    data[place] ^= 1
    store.put(key, bytes(data))
    with pytest.raises(CorruptDataError, match=r"p/000000000002.* delete it to go on from .*p/000000000001"):
        checkpoint.load_newest(store, "p/")


@pytest.mark.parametrize("data", [b"", b"x" * 7, b"\xff" * 64, (1 << 40).to_bytes(8, "little") + b"{}"])
def test_what_is_no_checkpoint_is_refused(data: bytes) -> None:
    """Empty, short, random and absurdly long headers are refused before anything is allocated."""
    with pytest.raises(CorruptDataError):
        checkpoint.unpack(data)
