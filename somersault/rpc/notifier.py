"""One value that many watchers follow, each at its own pace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

__all__ = ["Latest"]

T = TypeVar("T")


class Latest(Generic[T]):
    """Holds the newest value. A slow watcher misses intermediate values, never the newest, so no queue can grow.

    Used from one event loop only.
    """

    def __init__(self, value: T) -> None:
        """Takes the first value."""
        self._value = value
        self._changed = asyncio.Event()

    @property
    def value(self) -> T:
        """The newest value."""
        return self._value

    def set(self, value: T) -> None:
        """Replaces the value and wakes every watcher."""
        self._value = value
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def watch(self) -> AsyncIterator[T]:
        """Gives the value now and then each newer one, for as long as the watcher asks."""
        while True:
            changed = self._changed
            yield self._value
            await changed.wait()
