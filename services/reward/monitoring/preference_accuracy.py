"""Test-then-train accuracy: how often the ensemble predicts a new label correctly before it learns from it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["PreferenceAccuracy"]

_WINDOW = 100  # labels; long enough for ±10 points, short enough to show a fall
_EQUAL = 0.5


class PreferenceAccuracy:
    """Counts correct predictions over the newest labels that had a winner.

    Prequential ("predictive sequential") accuracy: Dawid 1984, "Statistical theory: the
    prequential approach". Each label is predicted before any member has trained on it.
    """

    def __init__(self, *, window: int = _WINDOW) -> None:
        """Start without a prediction; keep the outcomes of the newest ``window`` labels."""
        self._outcomes: deque[float] = deque(maxlen=window)

    def record(
        self,
        left_returns: NDArray[np.float32],
        right_returns: NDArray[np.float32],
        *,
        mu: float,
    ) -> None:
        """Test the ensemble on one new label; a label that says "equal" tests nothing.

        Args:
            left_returns: ``[K]`` float32, predicted reward summed over the left segment.
            right_returns: ``[K]`` float32, the same for the right segment.
            mu: weight of the preference on left.
        """
        if mu == _EQUAL:
            return
        margin = float(np.mean(np.tanh(0.5 * (left_returns - right_returns).astype(np.float64))))
        self._outcomes.append(0.5 if margin == 0 else float((margin > 0) == (mu > _EQUAL)))

    @property
    def num_tested(self) -> int:
        """Labels in the window."""
        return len(self._outcomes)

    @property
    def share_correct(self) -> float | None:
        """Share of labels predicted correctly, a tie counting half; None before the first test."""
        if not self._outcomes:
            return None
        return float(np.mean(self._outcomes))

    def outcomes(self) -> NDArray[np.float64]:
        """Return the window for a checkpoint, oldest first."""
        return np.array(self._outcomes, dtype=np.float64)

    def restore(self, outcomes: Sequence[float] | NDArray[np.float64]) -> None:
        """Replace the window by one that `outcomes` returned."""
        self._outcomes.clear()
        self._outcomes.extend(float(outcome) for outcome in outcomes)
