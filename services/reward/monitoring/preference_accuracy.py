"""Each new label is first a test, then a lesson: how often the ensemble foretold it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_WINDOW = 100  # labels; long enough for ±10 points, short enough to show a fall
_EQUAL = 0.5


class AgreementMonitor:
    """Counts right forecasts over the newest labels that had a winner.

    Prequential ("predictive sequential") accuracy: Dawid 1984, "Statistical theory: the
    prequential approach". Each label is forecast before any member has trained on it.
    """

    def __init__(self, *, window: int = _WINDOW) -> None:
        """Starts without a forecast."""
        self._outcomes: deque[float] = deque(maxlen=window)

    def record(
        self,
        left_returns: NDArray[np.float32],
        right_returns: NDArray[np.float32],
        *,
        mu: float,
    ) -> None:
        """Tests the ensemble on one new label; labels that say "equal" test nothing.

        Args:
            left_returns: ``[K]`` float32, predicted reward summed over the left segment.
            right_returns: ``[K]`` float32, the same of the right segment.
            mu: weight of the preference on left.
        """
        if mu == _EQUAL:
            return
        forecast = float(np.mean(np.tanh(0.5 * (left_returns - right_returns).astype(np.float64))))
        self._outcomes.append(0.5 if forecast == 0 else float((forecast > 0) == (mu > _EQUAL)))

    @property
    def num_tested(self) -> int:
        """Labels in the window."""
        return len(self._outcomes)

    @property
    def agreement(self) -> float | None:
        """Share foretold rightly, a tie counting half; none before the first test."""
        if not self._outcomes:
            return None
        return float(np.mean(self._outcomes))

    def outcomes(self) -> NDArray[np.float64]:
        """Gives the window for a checkpoint, oldest first."""
        return np.array(self._outcomes, dtype=np.float64)

    def restore(self, outcomes: Sequence[float] | NDArray[np.float64]) -> None:
        """Takes over a window that `outcomes` gave."""
        self._outcomes.clear()
        self._outcomes.extend(float(outcome) for outcome in outcomes)
