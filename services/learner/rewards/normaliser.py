"""From what the ensemble predicts to the reward that the policy is improved on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MIN_STD = 1e-6  # an ensemble that says the same of everything gives zero, not noise blown up


def normalise_rewards(predictions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standardises each member over the batch, then averages over members.

    Christiano et al. 2017 (arXiv 1706.03741), section 2.2.1 (each predictor normalised, then
    averaged) and 2.2.3 (the scale of the sum is free). We use the moments of the rollout itself,
    not running ones: a new reward version then needs no time to settle. Appendix A.2 scales the rewards of
    Atari games to a standard deviation of 0.05, so that the settings of learning from scores would do; ours
    keep theirs near 1 everywhere, since our PPO normalises advantages and its settings are for that scale.

    Args:
        predictions: ``[K, T, N]`` float32, one reward a member and transition.

    Returns:
        ``[T, N]`` float32.
    """
    mean = predictions.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    std = predictions.std(axis=(1, 2), keepdims=True, dtype=np.float64)
    standardised = (predictions - mean) / np.maximum(std, _MIN_STD)
    rewards: NDArray[np.float32] = standardised.mean(axis=0).astype(np.float32)
    return rewards
