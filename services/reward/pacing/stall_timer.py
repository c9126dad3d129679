"""Telling a run that stands still from one that is only slow."""

from __future__ import annotations

import asyncio

__all__ = ["Stall"]

_FIRST_STALL_S = 10.0
_LONGEST_STALL_S = 60.0
"""Looking costs little, but a person may be away for hours: each time nothing came of it, the next stall is twice as long."""


class Stall:
    """Tells when nothing has been answered for so long that the labeler's queries should be looked at.

    Used from one event loop, whose clock it goes by.
    """

    def __init__(self) -> None:
        self._length_s = _FIRST_STALL_S
        self._since_s: float | None = None

    def end(self) -> None:
        """Hears that something was answered."""
        self._length_s = _FIRST_STALL_S
        self._since_s = None

    def is_over(self) -> bool:
        """Tells whether it has lasted long enough, and begins the next, longer one."""
        now_s = asyncio.get_running_loop().time()
        if self._since_s is None:
            self._since_s = now_s
        if now_s - self._since_s < self._length_s:
            return False
        self._length_s = min(2 * self._length_s, _LONGEST_STALL_S)
        self._since_s = now_s
        return True
