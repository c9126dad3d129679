"""A policy and a value function, each with its own torso or both with one.

Shapes: ``B`` rows, ``O`` observation length, ``A`` action length.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from services.learner.networks.initialisation import linear
from services.learner.networks.policies import CategoricalPolicy, GaussianPolicy, Policy
from services.learner.networks.torsos import NatureTorso, TanhTorso, Torso
from somersault.domain.task_spec import TaskSpec

__all__ = ["ActorCritic", "ValueNetwork", "build_actor_critic"]


class ValueNetwork(nn.Module):
    """The expected discounted return, linear in the features."""

    def __init__(self, torso: Torso, *, generator: torch.Generator) -> None:
        """Initialise the head on top of a torso, which may be shared."""
        super().__init__()
        self.torso = torso
        self.value = linear(torso.num_features, 1, gain=1.0, generator=generator)

    def forward(self, features: Tensor) -> Tensor:
        """Return values ``[B]`` float32 of features ``[B, H]``."""
        value: Tensor = self.value(features)
        return value.squeeze(-1)


class ActorCritic(nn.Module):
    """A policy and a value function, trained together."""

    def __init__(self, policy: Policy, value: ValueNetwork) -> None:
        """Join both; a shared torso is evaluated and trained once."""
        super().__init__()
        self.policy = policy
        self.value = value

    def forward(self, observations: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log probabilities ``[B]``, the mean entropy, a scalar in nats, and values ``[B]``.

        Args:
            observations: ``[B, O]`` float32, normalised, or ``[B, F, H, W]`` uint8.
            actions: ``[B, A]`` float32, or ``[B]`` or ``[B, D]`` int64.
        """
        features = self.policy.torso(observations)
        is_shared = self.value.torso is self.policy.torso
        value_features = features if is_shared else self.value.torso(observations)
        log_probs, entropy = self.policy.log_prob_and_entropy(features, actions)
        return log_probs, entropy, self.value(value_features)

    def values(self, observations: Tensor) -> Tensor:
        """Return values ``[B]`` float32."""
        values: Tensor = self.value(self.value.torso(observations))
        return values

    def export_policy(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the policy's weights, float32, by the names of docs/protocol.md."""
        return {
            name.removeprefix("torso."): np.array(parameter.detach().cpu().numpy(), order="C")
            for name, parameter in self.policy.named_parameters()
        }


def build_actor_critic(
    spec: TaskSpec, *, hidden_size: int, initial_log_std: float, dtype: torch.dtype, seed: int
) -> ActorCritic:
    """Return the networks for a task, on the CPU; no global generator is used.

    Two small torsos for vectors, so that neither loss disturbs the other; one for pictures, because there the torso is
    nearly all of the work: Schulman et al. 2017 (arXiv 1707.06347), sections 6.1 and 6.4.

    Args:
        spec: The task.
        hidden_size: Units of each hidden layer over vectors.
        initial_log_std: Of actions that are vectors.
        dtype: What a network over pictures computes in.
        seed: Draws all weights.

    Raises:
        InvalidInputError: The task's pictures are too small.
    """
    policy_generator = torch.Generator().manual_seed(2 * seed)
    value_generator = torch.Generator().manual_seed(2 * seed + 1)

    def vector_torso(generator: torch.Generator) -> TanhTorso:
        return TanhTorso(observation_dim=spec.observation_dim, hidden_size=hidden_size, generator=generator)

    torso: Torso
    if spec.is_image:
        torso = NatureTorso(
            num_frames=spec.num_frames,
            frame_shape=spec.frame_shape,
            num_planes=spec.num_planes,
            num_numbers=spec.num_numbers,
            dtype=dtype,
            generator=policy_generator,
        )
    else:
        torso = vector_torso(policy_generator)
    policy = _build_policy(torso, spec, initial_log_std=initial_log_std, generator=policy_generator)
    value_torso = torso if spec.is_image else vector_torso(value_generator)
    return ActorCritic(policy, ValueNetwork(value_torso, generator=value_generator))


def _build_policy(
    torso: Torso, spec: TaskSpec, *, initial_log_std: float, generator: torch.Generator
) -> Policy:
    if spec.is_discrete:
        return CategoricalPolicy(torso, choices=spec.choices, generator=generator)
    return GaussianPolicy(
        torso, action_dim=spec.action_dim, initial_log_std=initial_log_std, generator=generator
    )
