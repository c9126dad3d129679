"""How those who wait hear of a change."""

from __future__ import annotations

import asyncio
import contextlib

__all__ = ["POLL_S", "Changes"]

POLL_S = 0.5
"""How often to look anyway: another replica's changes, and leases that end, announce themselves to nobody."""


class Changes:
    """Wakes everybody who waits for a change that this process makes. Used from one event loop."""

    def __init__(self) -> None:
        """Begins with nobody waiting."""
        self._next = asyncio.Event()

    def announce(self) -> None:
        """Wakes everybody who waits."""
        announced, self._next = self._next, asyncio.Event()
        announced.set()

    @property
    def next(self) -> asyncio.Event:
        """The next change. Take it before looking, so that none falls between looking and waiting."""
        return self._next

    @staticmethod
    async def wait(change: asyncio.Event, *, timeout_s: float) -> None:
        """Waits for a change, at most ``timeout_s`` seconds and at most `POLL_S`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(timeout_s, POLL_S)):
                await change.wait()
