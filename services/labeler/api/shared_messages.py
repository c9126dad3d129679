"""One message for all followers who get the same page of the log."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from services.labeler.model.preference_log import LogPage

__all__ = ["PageMessages"]

_MAX_REMEMBERED = 32

_Message = TypeVar("_Message")


class PageMessages(Generic[_Message]):
    """Remembers the newest messages. Used from one event loop; nobody may change a message."""

    def __init__(self, make: Callable[[LogPage], _Message]) -> None:
        """Takes what makes a page's message."""
        self._make = make
        # With the page itself, so that no other object can have its id meanwhile.
        self._newest: OrderedDict[int, tuple[LogPage, _Message]] = OrderedDict()

    def of(self, page: LogPage) -> _Message:
        """Gives a page's message."""
        if id(page) not in self._newest:
            self._newest[id(page)] = (page, self._make(page))
            if len(self._newest) > _MAX_REMEMBERED:
                self._newest.popitem(last=False)
        return self._newest[id(page)][1]
