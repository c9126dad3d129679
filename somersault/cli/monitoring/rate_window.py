"""The rate at which a count rises, over a recent window."""

from __future__ import annotations

from collections import deque

__all__ = ["RateWindow"]


class RateWindow:
    """Remembers a count over a time window. Its first value is the baseline."""

    def __init__(self, *, window_s: float, least_s: float, least_count: int = 1) -> None:
        """Start empty.

        Args:
            window_s: How far back it looks.
            least_s: No rate is given over less time.
            least_count: No rate is given over a smaller rise.
        """
        self._window_s = window_s
        self._least_s = least_s
        self._least_count = least_count
        self._notes: deque[tuple[float, int]] = deque()

    def note(self, count: int, *, now_s: float) -> None:
        """Add the current count; one that fell belongs to a new life and becomes the baseline."""
        if self._notes and count < self._notes[-1][1]:
            self._notes.clear()
        self._notes.append((now_s, count))
        while len(self._notes) > 2 and self._notes[1][0] <= now_s - self._window_s:
            self._notes.popleft()

    def forget(self) -> None:
        """Start again: the next count becomes the baseline."""
        self._notes.clear()

    @property
    def rate(self) -> float | None:
        """Rise per second up to the last count; None while too little is known."""
        if not self._notes:
            return None
        (first_s, first), (last_s, last) = self._notes[0], self._notes[-1]
        if last_s - first_s < self._least_s or last - first < self._least_count:
            return None
        return (last - first) / (last_s - first_s)
