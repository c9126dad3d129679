"""A teacher and a real labeler."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.teacher.application import build
from services.teacher.config import TeacherConfig
from services.teacher.custom_function import FunctionFailedError
from services.teacher.labeler_client import IDLE_S, LabelerClient
from somersault.domain.keys import sealed_key
from somersault.domain.roles import Role
from somersault.errors import PermissionDeniedError, UnauthenticatedError, UnavailableError
from somersault.runtime import telemetry
from somersault.runtime.urls import file_url
from somersault.storage import ObjectStore, open_store
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.running import RUN_ID, TOKENS, RunningLabeler, running_labeler, until
from tests.services.teacher.sealing import seal


def _config(address: str, folder: Path, **settings: Any) -> TeacherConfig:
    values = {
        "labeler_address": address,
        "run_id": RUN_ID,
        "storage_url": file_url(folder / "objects"),
        "token": TOKENS[Role.TEACHER],
        **settings,
    }
    return TeacherConfig.model_validate(values)


@contextlib.asynccontextmanager
async def _teaching(config: TeacherConfig) -> AsyncIterator[asyncio.Task[None]]:
    teacher = await build(config)
    task = asyncio.create_task(teacher.run())
    yield task
    task.cancel()
    await asyncio.wait({task})
    await teacher.drain()


def _store_pair(store: ObjectStore, name: str, first: float, second: float) -> None:
    for place, true_return in (("first", first), ("second", second)):
        store.put(sealed_key(RUN_ID, f"{name}-{place}"), seal(true_return, segment_id=f"life-{name}{place}"))


async def _answers(labeler: RunningLabeler, count: int) -> dict[str, str]:
    """Wait for answers and return what was preferred in each pair: first, second, or the answer's name."""

    async def are_there() -> list[Any]:
        log = await labeler.log()
        return log if len(log) >= count else []

    told = {}
    for row in await until(are_there):
        shown = {preference_pb2.PREFERENCE_LEFT: row.left, preference_pb2.PREFERENCE_RIGHT: row.right}
        name = row.left.segment_id.rpartition("-")[0]
        if row.preference in shown:
            told[name] = shown[row.preference].segment_id.rpartition("-")[2]
        else:
            told[name] = preference_pb2.Preference.Name(row.preference)
    return told


async def test_the_truly_better_segment_is_preferred(labeler: RunningLabeler, tmp_path: Path) -> None:
    """Whichever side it is shown on; within 0.3 standard deviations both are equal."""
    pairs = {f"p{i}": (float(i % 3), 1.1) for i in range(12)}
    for name, returns in pairs.items():
        _store_pair(labeler.store, name, *returns)
    await labeler.propose(*pairs)
    async with _teaching(_config(labeler.address, tmp_path)):
        told = await _answers(labeler, 12)
    expected = {0.0: "second", 1.0: "PREFERENCE_EQUAL", 2.0: "first"}
    assert told == {name: expected[first] for name, (first, _) in pairs.items()}


async def test_a_mixture_answers_as_it_is_asked_to(labeler: RunningLabeler, tmp_path: Path) -> None:
    """Through settings and the wire: some who always err among others, and a usual return of 2 to skip by."""
    names = [f"p{i}" for i in range(30)]
    for name in names:
        _store_pair(labeler.store, name, 5, 0.5)
    _store_pair(labeler.store, "poor", 0.1, 0.15)
    await labeler.propose(*names, "poor")
    kind = "0.5*mistake(mistake=1,skip=0.1)+0.5*skip"
    async with _teaching(_config(labeler.address, tmp_path, kind=kind)):
        told = await _answers(labeler, 31)
    assert told.pop("poor") == "PREFERENCE_INCOMPARABLE"
    assert set(told.values()) == {"first", "second"}


async def test_a_function_of_ones_own_answers(labeler: RunningLabeler, tmp_path: Path) -> None:
    """This one prefers what pays less."""
    path = tmp_path / "own.py"
    path.write_text("def f(left, right, rng): return 'left' if left.sum() < right.sum() else 'right'")
    _store_pair(labeler.store, "a", 5, 0)
    _store_pair(labeler.store, "b", 1, 7)
    await labeler.propose("a", "b")
    async with _teaching(_config(labeler.address, tmp_path, kind=f"{path}:f")):
        assert await _answers(labeler, 2) == {"a": "second", "b": "first"}


async def test_a_failing_function_ends_the_teacher(labeler: RunningLabeler, tmp_path: Path) -> None:
    """Nothing is answered in its stead, so that no label is spent on it."""
    path = tmp_path / "own.py"
    path.write_text("def f(left, right, rng): raise RuntimeError('out of order')")
    _store_pair(labeler.store, "a", 5, 0)
    await labeler.propose("a")
    async with _teaching(_config(labeler.address, tmp_path, kind=f"{path}:f")) as task:
        with pytest.raises(FunctionFailedError, match="raised RuntimeError: out of order"):
            await task
    assert await labeler.log() == []


async def test_a_true_reward_that_is_not_finite_is_told_at_once_and_once(
    labeler: RunningLabeler, tmp_path: Path
) -> None:
    """With its step, in a log line that is shown to whoever started the run; the pair can't be compared."""
    for name in ("a", "b"):
        _store_pair(labeler.store, name, 5, float("nan"))
    await labeler.propose("a", "b")
    with capture_logs() as rows:
        async with _teaching(_config(labeler.address, tmp_path)):
            told = await _answers(labeler, 2)
    assert set(told.values()) == {"PREFERENCE_INCOMPARABLE"}
    (notice,) = [row[telemetry.NOTICE] for row in rows if telemetry.NOTICE in row]
    assert notice.startswith("the true reward at step 1 of 1 of segment life-")
    assert "second is nan; pairs with such a segment" in notice


@pytest.mark.alone
async def test_answers_are_quick(labeler: RunningLabeler, tmp_path: Path) -> None:
    """Lockstep training waits for them: sixty cost under a second of a processor, and no wait between two of them."""
    names = [f"p{i}" for i in range(60)]
    for name in names:
        _store_pair(labeler.store, name, 0, 5)
    async with _teaching(_config(labeler.address, tmp_path)):
        await asyncio.sleep(0.2)
        began_s, used_s = time.monotonic(), time.process_time()
        await labeler.propose(*names)
        await _answers(labeler, 60)
    assert time.process_time() - used_s < 1
    assert time.monotonic() - began_s < 15  # with a look each half second they would take 30


async def test_an_unreadable_sealed_part_is_incomparable(labeler: RunningLabeler, tmp_path: Path) -> None:
    """One is missing, one is corrupt, and the third pair is answered as ever."""
    _store_pair(labeler.store, "corrupt", 1, 2)
    labeler.store.put(sealed_key(RUN_ID, "corrupt-first"), b"nothing of the kind")
    _store_pair(labeler.store, "fine", 5, 0)
    await labeler.propose("missing", "corrupt", "fine")
    async with _teaching(_config(labeler.address, tmp_path)):
        told = await _answers(labeler, 3)
    incomparable = "PREFERENCE_INCOMPARABLE"
    assert told == {"missing": incomparable, "corrupt": incomparable, "fine": "first"}


async def test_a_store_that_is_away_is_waited_for(
    labeler: RunningLabeler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No label is wasted: the query is answered rightly once the store is back."""
    _store_pair(labeler.store, "a", 5, 0)
    store_type = type(labeler.store)
    real_get, num_calls = store_type.get, [0]

    def away_at_first(self: ObjectStore, key: str, **options: Any) -> bytes:
        num_calls[0] += 1
        if num_calls[0] <= 1:
            raise UnavailableError("the store is away")
        return real_get(self, key, **options)

    monkeypatch.setattr(store_type, "get", away_at_first)
    await labeler.propose("a")
    async with _teaching(_config(labeler.address, tmp_path, lease_s=1.0)):
        assert await _answers(labeler, 1) == {"a": "first"}
    assert num_calls[0] >= 3


async def test_a_labelers_restart_is_survived(tmp_path: Path) -> None:
    """The teacher comes before the labeler, sees it go, and goes on with the next one."""
    async with running_labeler(tmp_path, port=0) as first:
        port = int(first.address.rpartition(":")[2])
    store = open_store(file_url(tmp_path / "objects"))
    for name in ("a", "b"):
        _store_pair(store, name, 5, 0)
    async with _teaching(_config(f"127.0.0.1:{port}", tmp_path)) as task:
        await asyncio.sleep(0.3)
        for name, count in (("a", 1), ("b", 2)):
            async with running_labeler(tmp_path, port=port) as labeler:
                await labeler.create_run()
                await labeler.propose(name)
                assert len(await _answers(labeler, count)) == count
        assert not task.done()


async def test_a_second_life_answers_nothing_twice(labeler: RunningLabeler, tmp_path: Path) -> None:
    """What is answered stays answered once; the rest is gone on with."""
    for name in ("a", "b"):
        _store_pair(labeler.store, name, 5, 0)
    for name, count in (("a", 1), ("b", 2)):
        async with _teaching(_config(labeler.address, tmp_path)):
            await labeler.propose(name)
            await _answers(labeler, count)
    assert len(await labeler.log()) == 2


async def test_a_wrong_token_ends_the_teacher(labeler: RunningLabeler, tmp_path: Path) -> None:
    """Unknown, or known with another role."""
    for token, error in (
        ("unknown-token-0123456789", UnauthenticatedError),
        (TOKENS[Role.SERVICE], PermissionDeniedError),
    ):
        async with _teaching(_config(labeler.address, tmp_path, token=token)) as task:
            with pytest.raises(error):
                await task


@pytest.mark.parametrize(
    ("resting", "going_on"),
    [
        ({"is_paused": True}, {"is_paused": False}),
        ({"state": pb.RUN_STATE_FINISHED}, {"state": pb.RUN_STATE_RUNNING}),
    ],
)
async def test_a_run_that_leases_nothing_is_asked_now_and_then(
    labeler: RunningLabeler, tmp_path: Path, resting: dict[str, Any], going_on: dict[str, Any]
) -> None:
    """The labeler says at once that it is paused or finished: no reason to ask it thousands of times a second."""
    _store_pair(labeler.store, "a", 5, 0)
    await labeler.propose("a")
    owner = labeler.as_role(Role.OWNER)
    await owner.UpdateRun(pb.UpdateRunRequest(run_id=RUN_ID, **resting))
    client = LabelerClient(labeler.address, token=TOKENS[Role.TEACHER], run_id=RUN_ID)
    started_s = time.monotonic()
    assert await client.lease(count=1, lease_s=10) == []
    assert time.monotonic() - started_s >= IDLE_S
    await client.close()
    async with _teaching(_config(labeler.address, tmp_path)):
        await asyncio.sleep(0.2)
        await owner.UpdateRun(pb.UpdateRunRequest(run_id=RUN_ID, **going_on))
        assert await _answers(labeler, 1) == {"a": "first"}


async def test_a_run_that_was_stopped_is_answered(labeler: RunningLabeler, tmp_path: Path) -> None:
    """It learns from that when it is resumed."""
    _store_pair(labeler.store, "a", 5, 0)
    await labeler.propose("a")
    request = pb.UpdateRunRequest(run_id=RUN_ID, state=pb.RUN_STATE_STOPPED)
    await labeler.as_role(Role.OWNER).UpdateRun(request)
    async with _teaching(_config(labeler.address, tmp_path)):
        assert await _answers(labeler, 1) == {"a": "first"}
