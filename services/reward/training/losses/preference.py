"""How badly predicted rewards explain preferences.

Shapes: ``B`` comparisons, ``K`` ensemble members. Side 0 is left, side 1 is right.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PREFERENCE_LOSS", "PreferenceLoss", "preference_loss", "preference_probability"]

ERROR_RATE = 0.1  # Christiano et al. 2017, section 2.2.3: one answer in ten is given at random
_EQUAL = 0.5


def preference_probability(left_returns: Tensor, right_returns: Tensor) -> Tensor:
    """Return the probability that a faultless labeler prefers left.

    Bradley–Terry on summed predictions, no discount: Christiano et al. 2017 (arXiv 1706.03741),
    equation 1.

    Args:
        left_returns: ``[...]`` float32, predicted reward summed over the left segment.
        right_returns: ``[...]`` float32, the same for the right segment.

    Returns:
        ``[...]`` float32, in [0, 1].
    """
    return torch.sigmoid(left_returns - right_returns)


def preference_loss(left_returns: Tensor, right_returns: Tensor, mu: Tensor) -> Tensor:
    """Return the cross-entropy of each preference under the prediction of each member.

    Christiano et al. 2017, section 2.2.3, with the error floor P' = 0.9 P + 0.05: a labeler who
    errs one time in ten is never predicted with certainty, so that a wrong answer costs log 20 at
    most. The loss is -mu log P' - (1 - mu) log (1 - P'). Smoothed answers (mu' = 0.9 mu + 0.05
    against P itself) bound the cost as well, but pull every certain prediction back: over 60
    labels of the backflip they ranked held-out segments no better and single steps worse.

    Args:
        left_returns: ``[K, B]`` float32, predicted reward summed over the left segment.
        right_returns: ``[K, B]`` float32, the same for the right segment.
        mu: ``[B]`` float32, weight of the preference on left: 1, 0 or ½.

    Returns:
        ``[K, B]`` float32, nats.
    """
    certain = 1.0 - ERROR_RATE
    probability = certain * preference_probability(left_returns, right_returns) + ERROR_RATE / 2
    return -(mu * torch.log(probability) + (1.0 - mu) * torch.log(1.0 - probability))


@dataclass(frozen=True, slots=True)
class PreferenceLoss:
    """The `FeedbackLoss` of comparisons: two segments a row, and the weight of the preference on left as its target."""

    def losses(self, returns: Tensor, targets: Tensor) -> Tensor:
        """Return `preference_loss` of ``[K, B, 2]`` returns and ``[B]`` targets."""
        return preference_loss(returns[..., 0], returns[..., 1], targets)

    def count_correct(self, returns: Tensor, targets: Tensor) -> tuple[float, float]:
        """Return how many comparisons are ranked correctly, of how many that have a winner."""
        has_winner = targets != _EQUAL
        is_correct = (returns[..., 0] - returns[..., 1]).mean(dim=0).gt(0) == targets.gt(_EQUAL)
        return float((is_correct & has_winner).sum()), float(has_winner.sum())


PREFERENCE_LOSS = PreferenceLoss()
