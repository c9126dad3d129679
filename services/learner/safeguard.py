"""Takes back a step after which a number isn't finite, before anybody acts by it and before it is stored.

Whatever the cause, a rollout that no bound kept out or a fault of an algorithm: what was learned before it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import prometheus_client
import structlog
from numpy.typing import NDArray

from services.learner.algorithms.algorithm import Algorithm
from somersault.domain.arrays import FloatArray, FrameArray, find_not_finite
from somersault.domain.trajectory import Rollout

__all__ = ["Safeguard"]

_log = structlog.get_logger()

_NUM_DROPPED = prometheus_client.Counter(
    "somersault_learner_dropped_improvements_total",
    "Improvements that were taken back because a number was no longer finite",
)


class Safeguard:
    """Has an algorithm learn, and takes back what spoils it. Blocking; one call at a time."""

    def __init__(self, algorithm: Algorithm) -> None:
        """Guard an algorithm, whose state is finite now."""
        self._algorithm = algorithm
        self._good: Mapping[str, NDArray[np.generic]] | None = None
        """The state after the last step that was kept; None before the first."""
        self.num_dropped = 0
        """Steps taken back since the start."""

    def improve(self, rollout: Rollout, rewards: FloatArray) -> Mapping[str, float] | None:
        """Improve the policy and return the algorithm's statistics; None if the step was taken back."""
        if not np.isfinite(rewards).all():
            self._drop("the rewards")
            return None
        before = self._before()
        with np.errstate(all="ignore"):  # what they warn of is looked for below
            statistics = self._algorithm.improve(rollout, rewards)
        return statistics if self._is_kept(before, _find_in(statistics)) else None

    def observe(self, observations: FrameArray) -> bool:
        """Let the algorithm observe, and return whether that was kept."""
        before = self._before()
        with np.errstate(all="ignore"):
            self._algorithm.observe(observations)
        return self._is_kept(before)

    def _before(self) -> Mapping[str, NDArray[np.generic]]:
        return self._algorithm.state_dict() if self._good is None else self._good

    def _is_kept(self, before: Mapping[str, NDArray[np.generic]], problem: str | None = None) -> bool:
        """Return whether all is finite after a step; if not, go back to what was before it."""
        after = self._algorithm.state_dict()
        # What is exported is rounded to float32, where a number may be too large that was finite before.
        problem = problem or find_not_finite(after) or find_not_finite(self._algorithm.export_policy())
        if problem is None:
            self._good = after
            return True
        self._algorithm.load_state_dict(before)
        self._drop(problem)
        return False

    def _drop(self, problem: str) -> None:
        self.num_dropped += 1
        _NUM_DROPPED.inc()
        _log.error("improvement_dropped", not_finite=problem, num_dropped=self.num_dropped)


def _find_in(statistics: Mapping[str, float]) -> str | None:
    return next((name for name, value in statistics.items() if not math.isfinite(value)), None)
