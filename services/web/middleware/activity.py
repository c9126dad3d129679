"""How long no browser and no front end has asked for anything: who stops the gateway waits until open pages have what they need."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Activity"]

_NOT_COUNTED = frozenset({"/healthz", "/activity"})
"""What watches the gateway is no page."""


class Activity:
    """Counts requests that are under way and remembers when the last one ended."""

    def __init__(self) -> None:
        """Begin without any request."""
        self._num_going = 0
        self._last_s: float | None = None

    @property
    def idle_s(self) -> float | None:
        """Seconds since the last request ended; 0 while one is under way, None before the first."""
        if self._num_going:
            return 0.0
        return None if self._last_s is None else time.monotonic() - self._last_s

    def counting(self, app: ASGIApp) -> ASGIApp:
        """Return the application with its requests counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] in _NOT_COUNTED:
                await app(scope, receive, send)
                return
            self._num_going += 1
            try:
                await app(scope, receive, send)
            finally:
                self._num_going -= 1
                self._last_s = time.monotonic()

        return counted
