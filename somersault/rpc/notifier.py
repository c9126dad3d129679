"""How tasks that wait learn of a change: the one mechanism for it, within one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

__all__ = ["Latest", "Notifier", "wait_for_change"]

T = TypeVar("T")


class Notifier:
    """Wakes every task that waits for a change. Used from one event loop only.

    Take `next` before looking, so that no change is missed between looking and waiting::

        change = notifier.next
        if not is_there():
            await change.wait()
    """

    def __init__(self) -> None:
        """Start without a change."""
        self._next = asyncio.Event()

    def notify(self) -> None:
        """Wake every task that waits."""
        changed, self._next = self._next, asyncio.Event()
        changed.set()

    @property
    def next(self) -> asyncio.Event:
        """The next change, which is set once it has happened."""
        return self._next

    async def wait_until(self, is_met: Callable[[], bool]) -> None:
        """Wait until a condition is met; it is checked now and after each change."""
        while True:
            change = self._next
            if is_met():
                return
            await change.wait()


class Latest(Generic[T]):
    """Holds the newest value of something. A slow watcher misses values in between but never the newest, so no queue can grow.

    Used from one event loop only.
    """

    def __init__(self, value: T) -> None:
        """Start with a first value."""
        self._value = value
        self._changed = Notifier()

    @property
    def value(self) -> T:
        """The newest value."""
        return self._value

    def set(self, value: T) -> None:
        """Replace the value and wake every watcher."""
        self._value = value
        self._changed.notify()

    async def watch(self) -> AsyncIterator[T]:
        """Yield the value now, then each newer one, for as long as the watcher asks."""
        while True:
            change = self._changed.next
            yield self._value
            await change.wait()


async def wait_for_change(change: asyncio.Event, *, timeout_s: float | None) -> None:
    """Wait for a notifier's next change, at most ``timeout_s`` seconds; None waits for as long as it takes."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await change.wait()
