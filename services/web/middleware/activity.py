"""How long ago the last request ended, so that the gateway is stopped only once open pages have what they need."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Activity"]

_NOT_COUNTED = frozenset({"/healthz", "/activity"})
"""Paths that monitors ask for, not pages."""


class Activity:
    """Counts requests in progress and remembers when the last one ended."""

    def __init__(self) -> None:
        """Start without any request."""
        self._num_in_progress = 0
        self._last_s: float | None = None

    @property
    def idle_s(self) -> float | None:
        """Seconds since the last request ended; 0 while one is in progress, None before the first."""
        if self._num_in_progress:
            return 0.0
        return None if self._last_s is None else time.monotonic() - self._last_s

    def counting(self, app: ASGIApp) -> ASGIApp:
        """Return the application with its requests counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] in _NOT_COUNTED:
                await app(scope, receive, send)
                return
            self._num_in_progress += 1
            try:
                await app(scope, receive, send)
            finally:
                self._num_in_progress -= 1
                self._last_s = time.monotonic()

        return counted
