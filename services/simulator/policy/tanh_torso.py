"""Features of observations that are vectors: two tanh layers, in numpy alone.

Shapes: n observations at once, O observation length, H hidden units.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from somersault.domain.arrays import FloatArray, FrameArray

__all__ = ["OBSERVATION_BOUND", "TanhTorso"]

OBSERVATION_BOUND = 10.0  # normalised observations are clipped here, as in the learner


class TanhTorso:
    """Normalises, then runs both layers. It holds buffers: each thread needs its own."""

    def __init__(self, arrays: Mapping[str, FloatArray]) -> None:
        """Load ``observation_mean``, ``observation_std`` ``[O]`` and ``hidden_0``, ``hidden_1``."""
        self._mean = arrays["observation_mean"]
        self._scale = 1.0 / arrays["observation_std"]
        self._weights = [
            np.ascontiguousarray(arrays[f"{name}.weight"].T) for name in ("hidden_0", "hidden_1")
        ]
        self._biases = [arrays["hidden_0.bias"], arrays["hidden_1.bias"]]
        self._low, self._high = (
            np.array(bound, np.float32) for bound in (-OBSERVATION_BOUND, OBSERVATION_BOUND)
        )
        self._allocate(0)

    def features(self, observations: FrameArray) -> FloatArray:
        """Return ``[n, H]`` float32 for ``[n, O]`` float32, in a buffer that the next call overwrites."""
        if len(observations) != len(self._normalised):
            self._allocate(len(observations))
        normalised, first, second = self._normalised, self._first, self._second
        np.subtract(observations, self._mean_rows, out=normalised)
        np.multiply(normalised, self._scale_rows, out=normalised)
        normalised.clip(self._low, self._high, out=normalised)
        np.dot(normalised, self._weights[0], out=first)
        np.add(first, self._bias_rows[0], out=first)
        np.tanh(first, out=first)
        np.dot(first, self._weights[1], out=second)
        np.add(second, self._bias_rows[1], out=second)
        return np.tanh(second, out=second)

    def _allocate(self, num_rows: int) -> None:
        # Rows written out: an operation on equal shapes takes a third of the time of one that broadcasts a row.
        self._mean_rows, self._scale_rows = (np.tile(row, (num_rows, 1)) for row in (self._mean, self._scale))
        self._bias_rows = [np.tile(bias, (num_rows, 1)) for bias in self._biases]
        self._normalised = np.empty_like(self._mean_rows)
        self._first, self._second = (np.empty_like(rows) for rows in self._bias_rows)
