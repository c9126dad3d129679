"""Shares works that are made of equal steps among threads, so that all threads end at about the same time."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

__all__ = ["run_side_by_side"]


def run_side_by_side(works: Sequence[Iterator[object]], *, num_threads: int) -> None:
    """Runs all works to their ends; a work makes a step each time that it is asked for its next item.

    A thread that is free takes the work that has come least far, and puts it back after one step. So a slow work, or a
    thread that the machine keeps waiting, holds up the others by no more than a step. A work is never run by two threads
    at once, and what its steps come to does not depend on which thread makes them.

    Args:
        works: Each is run from where it stands.
        num_threads: How many are run at a time.

    Raises:
        Exception: What the first work that failed raised; the others are left where they stand.
    """
    if min(num_threads, len(works)) == 1:
        for work in works:
            for _ in work:
                pass
        return
    stand = _Stand(works)
    with ThreadPoolExecutor(num_threads, thread_name_prefix="lane") as threads:
        for future in [threads.submit(stand.help) for _ in range(min(num_threads, len(works)))]:
            future.result()


class _Stand:
    """Where works lie that no thread is at, the one that has come least far on top."""

    def __init__(self, works: Sequence[Iterator[object]]) -> None:
        self._lock = threading.Lock()
        self._order = itertools.count()  # of works that have come equally far, the one that has lain longest
        self._lying = [(0, next(self._order), work) for work in works]
        self._is_failed = False

    def help(self) -> None:
        """Makes steps until nothing lies here: then each work that is left has a thread of its own."""
        while True:
            with self._lock:
                if not self._lying:
                    return
                num_steps, _, work = heapq.heappop(self._lying)
            try:
                is_done = next(work, self) is self
            except BaseException:
                with self._lock:
                    self._lying.clear()
                    self._is_failed = True
                raise
            with self._lock:
                if not is_done and not self._is_failed:
                    heapq.heappush(self._lying, (num_steps + 1, next(self._order), work))
