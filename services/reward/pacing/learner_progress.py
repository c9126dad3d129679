"""How fast the learner goes while it learns."""

from __future__ import annotations

import statistics
import time
from collections import deque

__all__ = ["Pace"]

_NUM_MOVES = 32  # rollouts; a minute or so


class Pace:
    """Measures environment steps a second by the places that the learner says, one a rollout.

    It takes the median over the newest rollouts: those few in which the learner waited for labels don't count.
    """

    def __init__(self) -> None:
        """Starts without a place."""
        self._rates: deque[float] = deque(maxlen=_NUM_MOVES)
        self._newest: tuple[int, float] | None = None

    def note(self, env_steps: int, *, now_s: float | None = None) -> None:
        """Hears how far the learner is; one that goes back, to its checkpoint, is measured from there on."""
        now_s = time.monotonic() if now_s is None else now_s
        if env_steps == 0:
            # A learner says 0 before it has read its checkpoint, too: from there on no pace can be told.
            self._newest = None
            return
        if self._newest is not None:
            steps_before, before_s = self._newest
            if env_steps == steps_before:
                return
            if env_steps > steps_before and now_s > before_s:
                self._rates.append((env_steps - steps_before) / (now_s - before_s))
        self._newest = (env_steps, now_s)

    @property
    def env_steps_per_s(self) -> float | None:
        """The pace; none before the learner moved."""
        return statistics.median(self._rates) if self._rates else None
