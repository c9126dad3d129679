"""How fast a count rises, over the newest while alone."""

from __future__ import annotations

from collections import deque

__all__ = ["RateWindow"]


class RateWindow:
    """Remembers a count over a window of time. What was there at its first note counts as made before."""

    def __init__(self, *, window_s: float, least_s: float, least_count: int = 1) -> None:
        """Begin without a note.

        Args:
            window_s: How far back it looks.
            least_s: Below so long a time no rate is told.
            least_count: Below so much a rise no rate is told.
        """
        self._window_s = window_s
        self._least_s = least_s
        self._least_count = least_count
        self._notes: deque[tuple[float, int]] = deque()

    def note(self, count: int, *, now_s: float) -> None:
        """Hear the count; one that fell is of another life, and is measured from there on."""
        if self._notes and count < self._notes[-1][1]:
            self._notes.clear()
        self._notes.append((now_s, count))
        while len(self._notes) > 2 and self._notes[1][0] <= now_s - self._window_s:
            self._notes.popleft()

    def forget(self) -> None:
        """Begin again: what comes next counts as made before."""
        self._notes.clear()

    @property
    def rate(self) -> float | None:
        """Rise a second up to the last note; None where too little is known."""
        if not self._notes:
            return None
        (first_s, first), (last_s, last) = self._notes[0], self._notes[-1]
        if last_s - first_s < self._least_s or last - first < self._least_count:
            return None
        return (last - first) / (last_s - first_s)
