"""Telling a run that stands still from one that is only slow."""

from __future__ import annotations

import time

__all__ = ["Stall"]

_FIRST_STALL_S = 30.0
_LONGEST_STALL_S = 3600.0
"""A person at lunch must not have clips drawn all the time: each time nothing came of it, the next stall is twice as long."""


class Stall:
    """Tells when nothing has been answered for so long that something should be done."""

    def __init__(self) -> None:
        self.end()

    def end(self) -> None:
        """Hears that something was answered."""
        self._length_s = _FIRST_STALL_S
        self._since_s = time.monotonic()

    def is_over(self) -> bool:
        """Tells whether it has lasted long enough, and begins the next, longer one."""
        if time.monotonic() - self._since_s < self._length_s:
            return False
        self._length_s = min(2 * self._length_s, _LONGEST_STALL_S)
        self._since_s = time.monotonic()
        return True
