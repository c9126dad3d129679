"""From rewards as they are predicted to the rewards that the policy is improved on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["normalise_rewards"]

_MIN_STD = 1e-6  # an ensemble that predicts the same everywhere gives zero, not amplified noise


def normalise_rewards(predictions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standardise each member over the batch, then average over members.

    Christiano et al. 2017 (arXiv 1706.03741), section 2.2.1 (each predictor normalised, then averaged) and 2.2.3 (the
    scale of the sum is free). We use the moments of the rollout itself, not running ones, so that a new reward version
    needs no time to settle. Appendix A.2 scales the rewards of Atari games to a standard deviation of 0.05 to match
    settings tuned on scores; we keep it near 1 everywhere, because our PPO normalises advantages and its settings are for
    that scale.

    Args:
        predictions: ``[K, T, N]`` float32, one reward per member and transition.

    Returns:
        ``[T, N]`` float32.
    """
    mean = predictions.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    std = predictions.std(axis=(1, 2), keepdims=True, dtype=np.float64)
    standardised = (predictions - mean) / np.maximum(std, _MIN_STD)
    rewards: NDArray[np.float32] = standardised.mean(axis=0).astype(np.float32)
    return rewards
