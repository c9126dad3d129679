"""How well predicted rewards explain preferences.

Shapes: ``B`` comparisons, ``K`` ensemble members. Side 0 is left, side 1 is right.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

ERROR_RATE = 0.1  # Christiano et al. 2017, section 2.2.3: one answer in ten is given at random


def preference_probability(left_returns: Tensor, right_returns: Tensor) -> Tensor:
    """Gives the probability that a faultless labeler prefers left.

    Bradley–Terry on summed predictions, no discount: Christiano et al. 2017 (arXiv 1706.03741),
    equation 1.

    Args:
        left_returns: ``[...]`` float32, predicted reward summed over the left segment.
        right_returns: ``[...]`` float32, the same of the right segment.

    Returns:
        ``[...]`` float32, in [0, 1].
    """
    return torch.sigmoid(left_returns - right_returns)


def preference_loss(left_returns: Tensor, right_returns: Tensor, mu: Tensor) -> Tensor:
    """Gives the cross-entropy of each preference under the prediction of each member.

    Christiano et al. 2017, section 2.2.3, with people erring one time in ten: P' = 0.9 P + 0.05
    there, on the predicted probability. Here the same map is on the answer: mu' = 0.9 mu + 0.05,
    which is what a labeler who errs so often says on average. Both make any one answer worth a
    log-odds of log 19 at most. But theirs has no gradient left where a prediction is certain and
    wrong (sums over long segments begin there), while this one always pulls, and pulls certainty
    back to log 19, which holds the scale of the sums without weight decay.

    Args:
        left_returns: ``[K, B]`` float32, predicted reward summed over the left segment.
        right_returns: ``[K, B]`` float32, the same of the right segment.
        mu: ``[B]`` float32, weight of the preference on left: 1, 0 or ½.

    Returns:
        ``[K, B]`` float32, nats.
    """
    target = (1.0 - ERROR_RATE) * mu + ERROR_RATE / 2
    difference = left_returns - right_returns
    return nn.functional.binary_cross_entropy_with_logits(
        difference, target.expand_as(difference), reduction="none"
    )
