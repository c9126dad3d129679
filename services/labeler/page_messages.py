"""One message for all followers who get the same page of the log."""

from __future__ import annotations

from collections import OrderedDict

from services.labeler import convert
from services.labeler.records import LogPage
from somersault.v1 import labeler_pb2 as pb

__all__ = ["PageMessages"]

_MAX_REMEMBERED = 8


class PageMessages:
    """Remembers the newest messages. Used from one event loop; nobody may change a message."""

    def __init__(self) -> None:
        """Begins with none."""
        # With the page itself, so that no other object can have its id meanwhile.
        self._newest: OrderedDict[int, tuple[LogPage, pb.WatchPreferencesResponse]] = OrderedDict()

    def of(self, page: LogPage) -> pb.WatchPreferencesResponse:
        """Gives a page's message."""
        if id(page) not in self._newest:
            message = pb.WatchPreferencesResponse(**convert.page_to_messages(page), cursor=page.cursor)
            self._newest[id(page)] = (page, message)
            if len(self._newest) > _MAX_REMEMBERED:
                self._newest.popitem(last=False)
        return self._newest[id(page)][1]
