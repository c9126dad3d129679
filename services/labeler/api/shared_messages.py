"""One message for all followers that get the same slice of the log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from services.labeler.model.preference_log import LogSlice

__all__ = ["SharedMessages"]

_MAX_REMEMBERED = 32

_Message = TypeVar("_Message")


class SharedMessages(Generic[_Message]):
    """Caches the newest messages. Used from one event loop; messages must not be modified."""

    def __init__(self, make: Callable[[LogSlice], _Message]) -> None:
        """Take the function that makes a slice's message."""
        self._make = make
        # Together with the slice, so that its id can't be reused while it is cached.
        self._newest: OrderedDict[int, tuple[LogSlice, _Message]] = OrderedDict()

    def of(self, log_slice: LogSlice) -> _Message:
        """Return a slice's message."""
        if id(log_slice) not in self._newest:
            self._newest[id(log_slice)] = (log_slice, self._make(log_slice))
            if len(self._newest) > _MAX_REMEMBERED:
                self._newest.popitem(last=False)
        return self._newest[id(log_slice)][1]
