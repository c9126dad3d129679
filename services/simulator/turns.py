"""Calls that take long wait for their turn: a bounded number of them, holding bounded memory, callers one after the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Iterator

from somersault.errors import ResourceExhaustedError

__all__ = ["Turns"]


class Turns:
    """Admits a few calls at a time; belongs to one event loop.

    Half of the places and of the bytes are the most that one caller gets, and callers take turns. So whoever calls
    often waits for itself, not others for it. A call that is cancelled leaves at once.
    """

    def __init__(
        self, what: str, *, max_calls: int, max_bytes: int, num_at_once: int = 1, num_at_once_of_one: int = 1
    ) -> None:
        """Begin empty.

        Args:
            what: What the calls ask for, in the plural; error messages begin with it.
            max_calls: How many calls may wait or run.
            max_bytes: How many bytes their requests may hold.
            num_at_once: How many run side by side.
            num_at_once_of_one: How many of one caller run side by side.
        """
        self._what = what
        self._max_calls = max_calls
        self._max_bytes = max_bytes
        self._num_at_once = num_at_once
        self._num_at_once_of_one = num_at_once_of_one
        self._num_calls: Counter[str] = Counter()
        self._num_bytes: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @contextlib.asynccontextmanager
    async def turn(self, caller: str, *, num_bytes: int = 0) -> AsyncIterator[None]:
        """Wait until it is a caller's turn; the turn lasts as long as the context.

        Raises:
            ResourceExhaustedError: too many calls wait, or they hold too many bytes.
        """
        self._check(caller, num_bytes)
        with _counted(self._num_calls, caller, 1), _counted(self._num_bytes, caller, num_bytes):
            await self._wait(caller)
            try:
                yield
            finally:
                self._end(caller)

    def _check(self, caller: str, num_bytes: int) -> None:
        for unit, held, more, most in (
            ("calls", self._num_calls, 1, self._max_calls),
            ("bytes of calls", self._num_bytes, num_bytes, self._max_bytes),
        ):
            if held.total() + more > most or (held[caller] and held[caller] + more > most // 2):
                raise ResourceExhaustedError(
                    f"{self._what}: {held.total()} {unit} wait, {held[caller]} of them this caller's; at most {most} may,"
                    f" and {most // 2} of one caller; try again later"
                )

    async def _wait(self, caller: str) -> None:
        admitted = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, deque()).append(admitted)
        self._admit()
        try:
            await admitted
        except asyncio.CancelledError:
            if admitted.done() and not admitted.cancelled():
                self._end(caller)
            else:
                self._leave(caller, admitted)
            raise

    def _admit(self) -> None:
        """Begin the calls whose turn it is: the longest-waiting one of each caller in turn."""
        for caller in list(self._waiting):
            if self._running.total() >= self._num_at_once:
                return
            if self._running[caller] >= self._num_at_once_of_one:
                continue
            admitted = self._waiting[caller][0]
            self._leave(caller, admitted)
            if caller in self._waiting:
                self._waiting.move_to_end(caller)
            if not admitted.done():  # else it was cancelled in this step of the event loop
                self._running[caller] += 1
                admitted.set_result(None)

    def _leave(self, caller: str, waiting: asyncio.Future[None]) -> None:
        queue = self._waiting.get(caller, deque())
        if waiting in queue:
            queue.remove(waiting)
        if not queue:
            self._waiting.pop(caller, None)

    def _end(self, caller: str) -> None:
        _take(self._running, caller, 1)
        if caller in self._waiting:
            self._waiting.move_to_end(caller)
        self._admit()


@contextlib.contextmanager
def _counted(counter: Counter[str], caller: str, number: int) -> Iterator[None]:
    counter[caller] += number
    try:
        yield
    finally:
        _take(counter, caller, number)


def _take(counter: Counter[str], caller: str, number: int) -> None:
    """Subtract, and forget a caller that has nothing left: callers come and go."""
    counter[caller] -= number
    if not counter[caller]:
        del counter[caller]
