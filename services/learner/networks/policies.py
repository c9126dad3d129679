"""From features to a distribution over actions: a diagonal Gaussian over vectors, a categorical over each choice.

Shapes: ``B`` rows, ``H`` features, ``A`` action length, ``D`` choices made at once. Actions that are vectors are not clipped
here: the environment clips what it executes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.learner.networks.initialisation import linear
from services.learner.networks.torsos import Torso

__all__ = ["CategoricalPolicy", "GaussianPolicy", "Policy"]

_GAIN = 0.01  # first actions are nearly the same whatever is observed; Andrychowicz et al. 2021, §3.2
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class GaussianPolicy(nn.Module):
    """A normal distribution over actions, with a mean linear in the features and one log std per action dimension."""

    def __init__(
        self, torso: Torso, *, action_dim: int, initial_log_std: float, generator: torch.Generator
    ) -> None:
        """Initialise the head on top of a torso, which may be shared."""
        super().__init__()
        self.torso = torso
        self.mean = linear(torso.num_features, action_dim, gain=_GAIN, generator=generator)
        self.log_std = nn.Parameter(torch.full((action_dim,), initial_log_std))

    def log_prob_and_entropy(self, features: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return log densities ``[B]`` of actions ``[B, A]`` float32, and the differential entropy, a scalar in nats."""
        standardised = (actions - self.mean(features)) * torch.exp(-self.log_std)
        terms = -0.5 * standardised**2 - self.log_std - _HALF_LOG_TWO_PI
        return terms.sum(dim=-1), (self.log_std + 0.5 + _HALF_LOG_TWO_PI).sum()


class CategoricalPolicy(nn.Module):
    """A categorical distribution over each choice, independent of the others, with logits linear in the features."""

    def __init__(self, torso: Torso, *, choices: Sequence[int], generator: torch.Generator) -> None:
        """Initialise the head on top of a torso, which may be shared.

        Args:
            torso: Computes the features.
            choices: Of each choice, how many options there are.
            generator: Draws the weights.
        """
        super().__init__()
        self.torso = torso
        self._choices = tuple(choices)
        self.logits = linear(torso.num_features, sum(choices), gain=_GAIN, generator=generator)

    def log_prob_and_entropy(self, features: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return log probabilities ``[B]`` and the mean entropy, a scalar in nats; both are sums over the choices.

        Args:
            features: ``[B, H]``.
            actions: ``[B]`` int64 of one choice, or ``[B, D]``.
        """
        chosen, entropies = [], []
        made = actions.reshape(len(features), -1, 1)
        for place, logits in enumerate(self.logits(features).split(self._choices, dim=-1)):
            log_probs = functional.log_softmax(logits, dim=-1)
            chosen.append(log_probs.gather(-1, made[:, place]).squeeze(-1))
            entropies.append(-(log_probs.exp() * log_probs).sum(dim=-1).mean())
        return sum(chosen[1:], chosen[0]), sum(entropies[1:], entropies[0])


Policy = GaussianPolicy | CategoricalPolicy
