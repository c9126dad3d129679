"""Running mean and standard deviation of what the policy observes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import FrameArray

OBSERVATION_BOUND = 10.0  # the learner and the simulators clip normalised observations to ±10
_MIN_STD = 1e-2  # an observation that has never varied must not explode when it first does

_MOST_STDS = 100.0
_MIN_SCALE = 0.1
"""An observation counts as at most 100 standard deviations, or 10, from what is usual: one absurd number among a million would
otherwise hide all others for as long as the run lasts. What is larger for good becomes usual within a few rollouts."""
_NUM_RANGE_STDS = 2.563
"""Between the first and the last decile of a normal distribution."""


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
        rows = self._tamed(observations.reshape(-1, len(self._mean)).astype(np.float64))
        count = self._count + len(rows)
        shift = rows.mean(axis=0) - self._mean
        spread = rows.var(axis=0) * len(rows)
        self._sum_squares += spread + shift**2 * (self._count * len(rows) / count)
        self._mean += shift * (len(rows) / count)
        self._count = count

    def _tamed(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return rows ``[R, O]`` without what is absurdly far from the others so far; the first ones are their own measure."""
        if self._count:
            centre, scale = self._mean, np.sqrt(self._sum_squares / self._count)
        else:
            low, centre, high = np.quantile(rows, (0.1, 0.5, 0.9), axis=0)
            scale = (high - low) / _NUM_RANGE_STDS
        most = _MOST_STDS * np.maximum(scale, _MIN_SCALE)
        return np.clip(rows, centre - most, centre + most)

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
        """Restore the moments from what `state_dict` returned.

        Raises:
            ValueError: They are of other observations, or can't be moments.
        """
        count = float(arrays["count"][0])
        mean, sum_squares = (np.array(arrays[name], dtype=np.float64) for name in ("mean", "sum_squares"))
        if mean.shape != self._mean.shape or sum_squares.shape != self._mean.shape:
            raise ValueError(f"moments of {mean.shape} observations, must be {self._mean.shape}")
        if not (count >= 0 and np.isfinite(mean).all() and (sum_squares >= 0).all()):
            raise ValueError("a count or a sum of squares is negative, or a moment isn't finite")
        self._count, self._mean, self._sum_squares = int(count), mean, sum_squares
