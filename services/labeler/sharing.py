"""One read for all who ask the same at about the same time, so that hundreds may wait at the cost of one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.labeler.changes import POLL_S, Changes

__all__ = ["SharedReads"]

_GOOD_FOR_S = POLL_S / 2
_MAX_REMEMBERED = 1000

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Read(Generic[_Result]):
    change: asyncio.Event
    """The next change when it began: once that has happened, it is out of date."""
    begin_s: float
    result: asyncio.Task[_Result]


class SharedReads(Generic[_Result]):
    """Remembers reads for a moment. Used from one event loop; nobody may change a result."""

    def __init__(self, changes: Changes) -> None:
        """Takes what tells that earlier reads are out of date."""
        self._changes = changes
        self._newest: dict[Hashable, _Read[_Result]] = {}

    async def get(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Gives what ``read`` gives, or gave to who asked by the same key since the last change.

        At most a quarter of a second old: changes of other replicas announce themselves to nobody.
        """
        newest, now_s = self._newest.get(key), time.monotonic()
        if newest is None or newest.change.is_set() or now_s - newest.begin_s > _GOOD_FOR_S:
            if len(self._newest) >= _MAX_REMEMBERED:
                self._newest.clear()
            newest = _Read(self._changes.next, now_s, asyncio.create_task(read()))
            self._newest[key] = newest
        # Who gives up waiting must not take the result from the others.
        return await asyncio.shield(newest.result)
