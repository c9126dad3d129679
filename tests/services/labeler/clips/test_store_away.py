"""A labeler whose object store says nothing: labeling goes on with the clips that were handed out, and nobody waits for it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from services.labeler import changes
from services.labeler.clips import query_clips, render_queue
from somersault.domain.roles import Role
from somersault.errors import UnavailableError
from somersault.runtime.urls import file_url
from somersault.storage import STORE_THREADS, open_store
from somersault.storage.folder import FolderStore
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.clips.test_render_queue import LEFT, Studio
from tests.services.labeler.running import (
    SimulatorDouble,
    lease,
    refused,
    running_labeler,
    serving_simulator,
    submit,
)

READY = preference_pb2.QUERY_STATE_READY
NUM_READERS = 60  # more than there are threads
AT_ONCE_S = 20.0  # on a very busy machine; whoever waits for the stall waits for longer
HEALED_S = 5.0


class Stall:
    """Holds back what is read from any folder store while it is on."""

    def __init__(self) -> None:
        """Begin with a store that answers."""
        self._answers = threading.Event()
        self._answers.set()

    def begin(self) -> None:
        """Hold everything back."""
        self._answers.clear()

    def end(self) -> None:
        """Let everything go on."""
        self._answers.set()

    def wait(self) -> None:
        """Wait for its end."""
        assert self._answers.wait(120)


@pytest.fixture
def stall(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stall]:
    """Yield a stall that hasn't begun."""
    made, get = Stall(), FolderStore.get

    def stalled_get(store: FolderStore, key: str, **more: Any) -> bytes:
        made.wait()
        return get(store, key, **more)

    monkeypatch.setattr(FolderStore, "get", stalled_get)
    monkeypatch.setattr(render_queue, "_FIRST_DELAY_S", 0.02)
    monkeypatch.setattr(render_queue, "_LONGEST_DELAY_S", 0.1)
    monkeypatch.setattr(changes, "POLL_S", 0.05)
    try:
        yield made
    finally:
        made.end()


@pytest_asyncio.fixture
async def studio(tmp_path: Path, stall: Stall) -> AsyncIterator[Studio]:
    """Serve a simulator and a labeler that knows it."""
    double = SimulatorDouble(open_store(file_url(tmp_path / "objects")))
    async with (
        serving_simulator(double) as address,
        running_labeler(tmp_path, simulator_addresses=address) as labeler,
    ):
        await labeler.create_run()
        yield Studio(labeler, double)
        stall.end()


def _count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the growing list of keys that were begun to be read within a limit, which is settled by then."""
    begun: list[str] = []
    run_within = STORE_THREADS.run_within

    def noted(limit_s: float, work: Any, *args: Any, **more: Any) -> Any:
        begun.extend(args[:1] if isinstance(args[0], str) else ())
        return run_within(limit_s, work, *args, **more)

    monkeypatch.setattr(STORE_THREADS, "run_within", noted)
    return begun


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(AT_ONCE_S):
        while not is_so():
            await asyncio.sleep(0.01)


def _get_clip(stub: Any, query_id: str) -> Any:
    return stub.GetClip(pb.GetClipRequest(query_id=query_id, side=LEFT))  # type: ignore[arg-type]


async def test_labeling_goes_on_without_the_store(
    studio: Studio, stall: Stall, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases and answers wait for nobody; a clip is unavailable in bounded time; rendering resumes by itself."""
    monkeypatch.setattr(query_clips, "READ_TIMEOUT_S", 120.0)
    monkeypatch.setattr(render_queue, "_MARGIN_S", 1.0)
    begun = _count_reads(monkeypatch)
    first, second = await studio.labeler.propose("a", "b", wants_clips=True)
    person, owner = (studio.labeler.as_role(role) for role in (Role.LABELER, Role.OWNER))
    for query_id in (first, second):
        await studio.until_state(query_id, READY)
    (held,) = await lease(person)

    stall.begin()
    (third,) = await studio.labeler.propose("c", wants_clips=True)
    patient = [asyncio.ensure_future(_get_clip(owner, first)) for _ in range(NUM_READERS)]
    await _until(lambda: begun.count("run-1/clips/a-first.mp4") == NUM_READERS)
    async with asyncio.timeout(AT_ONCE_S):
        await submit(person, held.lease_token, "a1")
        (held,) = await lease(person)
        await submit(person, held.lease_token, "a2")
        await asyncio.to_thread(int)  # what isn't the store's business has threads left
        monkeypatch.setattr(query_clips, "READ_TIMEOUT_S", 0.5)
        errors = await asyncio.gather(*(refused(_get_clip(owner, first)) for _ in range(NUM_READERS)))
    assert all(isinstance(error, UnavailableError) for error in errors), errors
    assert not any(reader.done() for reader in patient)
    assert await studio.state(third) != READY

    stall.end()
    ended = time.monotonic()
    await studio.until_state(third, READY)
    assert all(found.clip for found in await asyncio.gather(*patient))
    assert time.monotonic() - ended < HEALED_S
