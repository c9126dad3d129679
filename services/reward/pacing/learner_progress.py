"""How far the learner is, and how fast it goes while it learns."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["LearnerProgress", "LearnerSpeed"]

_NUM_RATES = 32  # rollouts; a minute or so


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerProgress:
    """How far the learner is."""

    env_steps: int = 0
    newest_sequences: Mapping[str, int] = field(default_factory=dict)
    """The newest rollout it has taken, by incarnation."""


class LearnerSpeed:
    """Measures environment steps a second from the progress that the learner reports after each rollout.

    It is the median over the newest rollouts, so that the few in which the learner waited for labels don't count.
    """

    def __init__(self) -> None:
        self._rates: deque[float] = deque(maxlen=_NUM_RATES)
        self._newest: tuple[int, float] | None = None

    def note(self, env_steps: int, *, now_s: float | None = None) -> None:
        """Record how far the learner is; one that falls back to its checkpoint is measured from there."""
        now_s = time.monotonic() if now_s is None else now_s
        if env_steps == 0:
            # A learner that has not read its checkpoint yet reports 0 too: no speed can be told from there.
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
        """The speed; None before the learner has moved."""
        return statistics.median(self._rates) if self._rates else None
