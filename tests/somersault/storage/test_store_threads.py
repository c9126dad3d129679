"""Work that waits for a store which says nothing, in an event loop that has other things to do."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from somersault.errors import UnavailableError
from somersault.storage.object_store import StoreThreads

NUM_STUCK = 50  # more than threads


@pytest.fixture
def answers() -> Iterator[threading.Event]:
    """Yield what stuck work waits for."""
    event = threading.Event()
    try:
        yield event
    finally:
        event.set()


async def test_whoever_waits_for_a_store_is_told_in_time_and_holds_nothing_else_up(
    answers: threading.Event,
) -> None:
    """Also those for whom no thread was left; the threads of the event loop are free."""
    threads = StoreThreads()
    began = time.monotonic()
    stuck = [asyncio.ensure_future(threads.run_within(0.2, answers.wait, 30)) for _ in range(NUM_STUCK)]
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        assert await asyncio.to_thread(int) == 0
    for found in await asyncio.gather(*stuck, return_exceptions=True):
        assert isinstance(found, UnavailableError)
    assert time.monotonic() - began < 10
    answers.set()
    assert await threads.run_within(10, int, "7") == 7
    threads.end()


async def test_what_nobody_waits_for_any_more_is_not_begun(answers: threading.Event) -> None:
    """So a store that is back isn't busy with what was asked long ago."""
    threads, begun = StoreThreads(), []

    def work() -> None:
        begun.append(1)
        answers.wait(30)

    tasks = [asyncio.ensure_future(threads.run_within(0.2, work)) for _ in range(NUM_STUCK)]
    await asyncio.gather(*tasks, return_exceptions=True)
    num_begun = len(begun)
    answers.set()
    assert await threads.run(int, "7") == 7
    assert len(begun) == num_begun < NUM_STUCK
    threads.end()


async def test_ended_threads_leave_none_behind_and_new_work_is_taken() -> None:
    """A process that ends has only the stuck ones left."""
    threads = StoreThreads()
    (mine,) = [await threads.run(threading.current_thread)]
    threads.end()
    mine.join(10)
    assert not mine.is_alive()
    assert await threads.run(int, "7") == 7
    threads.end()
