"""HTTP on one connection: as uvicorn speaks it, told of to `Connections`."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import h11
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from services.web.serving.connections import Connections

__all__ = ["CountedProtocol"]

_HEALTH = "/healthz"

_MAX_HEAD_BYTES = 16 * 1024
_MAX_HEADERS = 100

_AMBIGUOUS = re.compile(rb"(?<!\r)\n|\n[ \t]")
"""A bare line feed; a header that is folded."""

_LENGTHS = (
    re.compile(rb"\ncontent-length:", re.IGNORECASE),
    re.compile(rb"\ntransfer-encoding:", re.IGNORECASE),
)


class CountedProtocol(H11Protocol):
    """Says when a request is awaited, being served, and not being taken."""

    def __init__(self, *args: Any, connections: Connections, **settings: Any) -> None:
        """Take whom to tell; the rest is uvicorn's."""
        super().__init__(*args, **settings)
        self._connections = connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; a connection without a place is served health alone."""
        super().connection_made(transport)
        self._connection = self._connections.find(transport)
        if not self._connection.has_place:
            self.app = _health_alone(self.app)

    def data_received(self, data: bytes) -> None:
        """Read, and note whether a whole request is there."""
        super().data_received(data)
        self._note()

    def handle_events(self) -> None:
        """Refuse a head that is too long, or that servers read in different ways, before h11 reads it in its own."""
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            reason = _fault_of_head(self.conn.trailing_data[0].partition(b"\r\n\r\n")[0])
            if reason is not None:
                self.send_400_response(reason)
                return
        super().handle_events()
        if self.cycle is not None and self._connections.is_old(self._connection):
            self.cycle.keep_alive = False  # no further request is lost on a connection that is about to end

    def on_response_complete(self) -> None:
        """Note that the connection is between requests."""
        super().on_response_complete()
        self._note()

    def pause_writing(self) -> None:
        """Note that the peer takes nothing."""
        super().pause_writing()
        self._connection.stalled_since_s = time.monotonic()

    def resume_writing(self) -> None:
        """Note that it takes what is sent."""
        super().resume_writing()
        self._connection.stalled_since_s = None

    def _note(self) -> None:
        self._connection.is_busy = self.cycle is not None and not self.cycle.response_complete
        # Part of a request's head has come, or of a body that nobody reads any more.
        owes = not self._connection.is_busy and (
            self.conn.their_state is not h11.IDLE or bool(self.conn.trailing_data[0])
        )
        if not owes:
            self._connection.waits_since_s = None
        elif self._connection.waits_since_s is None:
            self._connection.waits_since_s = time.monotonic()


def _health_alone(app: Any) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == _HEALTH:
            await app(scope, receive, send)
            return
        refusal = PlainTextResponse("Too many connections; try again.\n", 503, {"connection": "close"})
        await refusal(scope, receive, send)

    return answer


def _fault_of_head(head: bytes) -> str | None:
    if len(head) > _MAX_HEAD_BYTES:
        return f"The head of the request is {len(head)} bytes or more, must be at most {_MAX_HEAD_BYTES}."
    if (num_headers := head.count(b"\n")) > _MAX_HEADERS:
        return f"The request has {num_headers} headers or more, must have at most {_MAX_HEADERS}."
    if _AMBIGUOUS.search(head):
        return "Lines of the head must end with CRLF, and each header must be on one line."
    if all(length.search(head) for length in _LENGTHS):
        return "The request has content-length and transfer-encoding, must have one of them."
    return None
