"""Checkpoints are stored beside the loop: whatever the store does, learning goes on, and what isn't stored is said."""

from __future__ import annotations

import asyncio
import threading

import pytest
import structlog

from services.learner import checkpoint_writer
from services.learner.progress import LearnerState
from somersault.errors import PermissionDeniedError, ResourceExhaustedError, SomersaultError
from somersault.storage import StoredObject
from somersault.storage.memory import MemoryStore
from tests.services.learner.doubles import running


class _Store(MemoryStore):
    """Fails or hangs for as long as told to."""

    def __init__(self) -> None:
        super().__init__()
        self.error: SomersaultError | None = None
        self.goes_on = threading.Event()
        self.goes_on.set()
        self.num_tried = 0

    def put(self, key: str, data: bytes) -> StoredObject:
        self.num_tried += 1
        assert self.goes_on.wait(20)
        if self.error is not None:
            raise self.error
        return super().put(key, data)


def _notices(logs: list[dict[str, object]]) -> list[str]:
    return [str(entry["notice"]) for entry in logs if "notice" in entry]


async def test_a_store_that_hangs_holds_no_improvement_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps but the wait for the last checkpoint; two snapshots are held, however many were due; the newest is stored."""
    monkeypatch.setattr(checkpoint_writer, "_SLOW_S", 0.0)
    store = _Store()
    store.goes_on.clear()
    async with running(store, checkpoint_s=1e-9) as learner:
        with structlog.testing.capture_logs() as logs:
            await learner.source.settle(30)
            await learner.until(LearnerState.LEARNING, 30)
        assert store.num_tried == 1
        assert learner.progress.alarms == {"alarm_checkpoint_late": 1.0}
        assert len(_notices(logs)) == 1
        assert "has not been stored within" in _notices(logs)[0]
        store.goes_on.set()
        await learner.until(LearnerState.FINISHED, 30)
    kept = sorted(store.list("r/checkpoints/learner/"))
    assert kept[-1] == "r/checkpoints/learner/000000000030.safetensors"
    assert learner.progress.alarms == {}


async def test_a_full_store_is_tried_again_and_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody asking: the newest state is stored as soon as there is space, and that is told too."""
    monkeypatch.setattr(checkpoint_writer, "_RETRY_FIRST_S", 0.02)
    store = _Store()
    async with running(store, checkpoint_s=1e-9) as learner:
        store.error = ResourceExhaustedError("the disk is full")
        with structlog.testing.capture_logs() as logs:
            await learner.source.settle(20)
            await learner.until(LearnerState.WAITING_FOR_REWARD, 20)
            while store.num_tried < 4:
                await asyncio.sleep(0.01)
            store.error = None
            while learner.progress.checkpoint_env_steps < 20:
                await asyncio.sleep(0.01)
        assert len(_notices(logs)) == 2
        assert "the disk is full" in _notices(logs)[0]
        assert "stored again" in _notices(logs)[1]
        assert learner.algorithm.num_improved == 2


async def test_what_could_not_be_stored_is_said_at_the_end() -> None:
    """Within the time that a service has to drain."""
    store = _Store()
    async with running(store) as learner:
        await learner.source.settle(20)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 20)
        store.goes_on.clear()
        with structlog.testing.capture_logs() as logs:
            async with asyncio.timeout(5):
                await learner.loop.drain(timeout_s=0.05)
        assert _notices(logs) == [
            "what was learned from step 0 to 20 could not be stored and is lost when the learner ends"
        ]
        store.goes_on.set()


async def test_a_store_that_refuses_for_good_ends_the_learner() -> None:
    """No other try would succeed: somebody has to see to it."""
    store = _Store()
    store.error = PermissionDeniedError("no access")
    async with running(store) as learner:
        with pytest.raises(PermissionDeniedError):
            await learner.loop.checkpoint()
