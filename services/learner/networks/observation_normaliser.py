"""Running mean and standard deviation of what the policy observes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import FrameArray

OBSERVATION_BOUND = 10.0  # the learner and the simulators clip normalised observations to ±10
_MIN_STD = 1e-2  # an observation that has never varied must not explode when it first does


class ObservationNormaliser:
    """Holds the moments of all observations seen so far. One owner, not thread-safe."""

    def __init__(self, *, observation_dim: int) -> None:
        """Start with mean 0 and std 1, so that the first policy sees observations as they are."""
        self._count = 0
        self._mean = np.zeros(observation_dim)
        self._sum_squares = np.zeros(observation_dim)

    @property
    def observation_dim(self) -> int:
        """O."""
        return len(self._mean)

    @property
    def mean(self) -> NDArray[np.float32]:
        """``[O]`` float32."""
        return self._mean.astype(np.float32)

    @property
    def std(self) -> NDArray[np.float32]:
        """``[O]`` float32, positive; ones before the first update."""
        if self._count == 0:
            return np.ones_like(self._mean, dtype=np.float32)
        std = np.sqrt(self._sum_squares / self._count)
        return np.maximum(std, _MIN_STD).astype(np.float32)

    def update(self, observations: FrameArray) -> None:
        """Add observations ``[..., O]`` to the moments.

        Chan, Golub, LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample
        variances", equations 2.1a and 2.1b: exact whatever the size of the pieces.
        """
        rows = observations.reshape(-1, len(self._mean)).astype(np.float64)
        count = self._count + len(rows)
        shift = rows.mean(axis=0) - self._mean
        spread = rows.var(axis=0) * len(rows)
        self._sum_squares += spread + shift**2 * (self._count * len(rows) / count)
        self._mean += shift * (len(rows) / count)
        self._count = count

    def normalise(self, observations: FrameArray) -> NDArray[np.float32]:
        """Return observations ``[..., O]`` with mean 0 and std 1, clipped to ±10, float32."""
        standardised = (observations - self.mean) / self.std
        clipped = np.clip(standardised, -OBSERVATION_BOUND, OBSERVATION_BOUND)
        normalised: NDArray[np.float32] = clipped.astype(np.float32)
        return normalised

    def state_dict(self) -> dict[str, NDArray[np.float64]]:
        """Return the moments as arrays for a checkpoint."""
        return {
            "count": np.array([self._count], dtype=np.float64),
            "mean": self._mean.copy(),
            "sum_squares": self._sum_squares.copy(),
        }

    def load_state_dict(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Restore the moments from what `state_dict` returned."""
        self._count = int(arrays["count"][0])
        self._mean = np.array(arrays["mean"], dtype=np.float64)
        self._sum_squares = np.array(arrays["sum_squares"], dtype=np.float64)
