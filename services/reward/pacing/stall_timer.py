"""Tells a run that has stalled from one that is only slow."""

from __future__ import annotations

import asyncio

__all__ = ["StallTimer"]

_FIRST_STALL_S = 10.0
_LONGEST_STALL_S = 60.0
"""Looking costs little, but a person may be away for hours: each time nothing comes of it, the next wait is twice as long."""


class StallTimer:
    """Tells when nothing has been answered for so long that the labeler's queries should be looked at.

    Used from one event loop, whose clock it reads.
    """

    def __init__(self) -> None:
        self._length_s = _FIRST_STALL_S
        self._since_s: float | None = None

    def reset(self) -> None:
        """Start again from the shortest wait, because something was answered."""
        self._length_s = _FIRST_STALL_S
        self._since_s = None

    def has_expired(self) -> bool:
        """Return whether the wait is over, and if so start the next, longer one. The first call starts the first."""
        now_s = asyncio.get_running_loop().time()
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s < self._length_s:
            return False
        self._length_s = min(2 * self._length_s, _LONGEST_STALL_S)
        self._since_s = now_s
        return True
