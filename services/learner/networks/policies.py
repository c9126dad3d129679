"""From features to a distribution over actions: a diagonal Gaussian over vectors, a categorical over choices.

Shapes: ``B`` rows, ``H`` features, ``A`` action length, ``K`` choices. Actions that are vectors are unclipped: the
environment clips what it executes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.learner.networks.initialisation import linear
from services.learner.networks.torsos import Torso

__all__ = ["CategoricalPolicy", "GaussianPolicy", "Policy"]

_GAIN = 0.01  # first actions all alike whatever is observed; Andrychowicz et al. 2021, §3.2
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class GaussianPolicy(nn.Module):
    """A normal distribution over actions: the mean is linear in the features, one log std an action."""

    def __init__(
        self, torso: Torso, *, action_dim: int, initial_log_std: float, generator: torch.Generator
    ) -> None:
        """Takes the torso, which may be shared, and initialises the head."""
        super().__init__()
        self.torso = torso
        self.mean = linear(torso.num_features, action_dim, gain=_GAIN, generator=generator)
        self.log_std = nn.Parameter(torch.full((action_dim,), initial_log_std))

    def log_prob_and_entropy(self, features: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Gives log densities ``[B]`` of ``[B, A]`` float32, and the differential entropy, a scalar in nats."""
        standardised = (actions - self.mean(features)) * torch.exp(-self.log_std)
        terms = -0.5 * standardised**2 - self.log_std - _HALF_LOG_TWO_PI
        return terms.sum(dim=-1), (self.log_std + 0.5 + _HALF_LOG_TWO_PI).sum()


class CategoricalPolicy(nn.Module):
    """Probabilities of choices: softmax of logits linear in the features."""

    def __init__(self, torso: Torso, *, num_actions: int, generator: torch.Generator) -> None:
        """Takes the torso, which may be shared, and initialises the head."""
        super().__init__()
        self.torso = torso
        self.logits = linear(torso.num_features, num_actions, gain=_GAIN, generator=generator)

    def log_prob_and_entropy(self, features: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Gives log probabilities ``[B]`` of choices ``[B]`` int64, and the mean entropy, a scalar in nats."""
        log_probs = functional.log_softmax(self.logits(features), dim=-1)
        entropy = -(log_probs.exp() * log_probs).sum(dim=-1).mean()
        return log_probs.gather(-1, actions[:, None]).squeeze(-1), entropy


Policy = GaussianPolicy | CategoricalPolicy
