"""The objective of proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347). Shapes: ``B`` rows."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["clipped_objective"]


def clipped_objective(log_ratio: Tensor, advantages: Tensor, *, clip_ratio: float) -> tuple[Tensor, Tensor]:
    """Return PPO's clipped objective, negated, and the probability ratios ``[B]``.

    Schulman et al. 2017 (arXiv 1707.06347), equation 7.

    Args:
        log_ratio: ``[B]`` float32, log of new over old probability.
        advantages: ``[B]`` float32.
        clip_ratio: epsilon.
    """
    ratio = torch.exp(log_ratio)
    clipped = ratio.clamp(1 - clip_ratio, 1 + clip_ratio)
    return -torch.min(ratio * advantages, clipped * advantages).mean(), ratio
