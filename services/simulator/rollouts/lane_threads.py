"""Shares lanes among threads, step by step, so that all threads end at about the same time."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

__all__ = ["run_lanes"]


def run_lanes(lanes: Sequence[Iterator[object]], *, num_threads: int) -> None:
    """Run all lanes to their ends; a lane makes a step each time that it is asked for its next item.

    A free thread takes the lane that has made the fewest steps, and puts it back after one more. So a slow
    lane, or a thread that the machine keeps waiting, holds up the others by no more than a step. A lane is
    never run by two threads at once, and its steps don't depend on which thread makes them.

    Args:
        lanes: Each is run from where it stands.
        num_threads: How many are run at a time.

    Raises:
        Exception: What the first lane that failed raised; the others are left where they stand.
    """
    num_threads = min(num_threads, len(lanes))
    if num_threads == 1:
        for lane in lanes:
            for _ in lane:
                pass
        return
    queue = _LaneQueue(lanes)
    with ThreadPoolExecutor(num_threads, thread_name_prefix="lane") as threads:
        for future in [threads.submit(queue.work) for _ in range(num_threads)]:
            future.result()


class _LaneQueue:
    """The lanes that no thread is running, those with the fewest steps first."""

    def __init__(self, lanes: Sequence[Iterator[object]]) -> None:
        self._lock = threading.Lock()
        self._order = (
            itertools.count()
        )  # among lanes with equally many steps, the one that has waited longest is first
        self._waiting = [(0, next(self._order), lane) for lane in lanes]
        self._has_failed = False

    def work(self) -> None:
        """Make steps until no lane is waiting: then each lane that is left has a thread of its own."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                num_steps, _, lane = heapq.heappop(self._waiting)
            try:
                is_done = next(lane, self) is self
            except BaseException:
                with self._lock:
                    self._waiting.clear()
                    self._has_failed = True
                raise
            with self._lock:
                if not is_done and not self._has_failed:
                    heapq.heappush(self._waiting, (num_steps + 1, next(self._order), lane))
