"""One read for all callers who ask the same at about the same time, so that hundreds can wait at the cost of one."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.labeler.changes import POLL_S
from somersault.rpc import Notifier

__all__ = ["SharedReads"]

_GOOD_FOR_S = POLL_S / 2

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Read(Generic[_Result]):
    change: asyncio.Event
    """The next change when the read began: once it has happened, the result is stale."""
    begin_s: float
    result: asyncio.Task[_Result]

    @property
    def is_good(self) -> bool:
        """Whether the result is still fresh."""
        return not self.change.is_set() and time.monotonic() - self.begin_s <= _GOOD_FOR_S


class SharedReads(Generic[_Result]):
    """Caches reads for a moment. Used from one event loop; results must not be modified."""

    def __init__(
        self,
        changes: Notifier,
        *,
        is_final: Callable[[_Result], bool] = lambda _: False,
        max_remembered: int = 1000,
    ) -> None:
        """Take what notifies that earlier reads are stale, which results never become stale, and how many to keep."""
        self._changes = changes
        self._is_final = is_final
        self._max_remembered = max_remembered
        self._newest: OrderedDict[Hashable, _Read[_Result]] = OrderedDict()

    async def get(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
        """Return the result of ``read``, or of the read under the same key since the last change.

        At most a quarter of a second old unless it is final, since other replicas' changes send no notice.
        """
        known = self._newest.get(key)
        if known is None or not (known.is_good or self._is_kept(known)):
            known = _Read(self._changes.next, time.monotonic(), asyncio.create_task(read()))
            self._newest[key] = known
            if len(self._newest) > self._max_remembered:
                self._newest.popitem(last=False)
        self._newest.move_to_end(key)
        # A caller that gives up must not cancel the read for the others.
        return await asyncio.shield(known.result)

    def _is_kept(self, known: _Read[_Result]) -> bool:
        task = known.result
        has_result = task.done() and not task.cancelled() and task.exception() is None
        return has_result and self._is_final(task.result())
