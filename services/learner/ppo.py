"""Proximal policy optimisation of a Gaussian policy (Schulman et al. 2017, arXiv 1707.06347).

Pure: arrays in, arrays out; whoever calls owns time, network and storage. Shapes: ``T`` steps,
``N`` environments, ``O`` observation length, ``A`` action length, ``M`` episodes that ended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pydantic
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from services.learner.advantage import estimate_advantages, successor_values
from services.learner.observation_normaliser import ObservationNormaliser
from services.learner.policy import GaussianPolicy, ValueNetwork, export_policy
from somersault.config import COMPONENT
from somersault.errors import CorruptDataError
from somersault.types import Rollout

_ADAM_EPSILON = 1e-5  # Andrychowicz et al. 2021, table 1


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=COMPONENT)
class PPOConfig:
    """How the policy is improved on one rollout."""

    hidden_size: int = pydantic.Field(default=64, ge=1)
    """Units of each of the two hidden layers; Schulman et al. 2017, section 6.1."""
    initial_log_std: float = 0.0
    """Log of the first standard deviation of actions, whose range is ±1; own runs."""
    discount: float = pydantic.Field(default=0.99, ge=0, lt=1)
    """Gamma, a step; Schulman et al. 2017, table 3."""
    trace_decay: float = pydantic.Field(default=0.95, ge=0, le=1)
    """Lambda of GAE; Schulman et al. 2017, table 3."""
    learning_rate: float = pydantic.Field(default=6e-4, gt=0)
    """Adam's step size; 3e-4 in Schulman et al. 2017, table 3; own runs: with twice that and rollouts of
    64 steps the hopper leaves the floor after 0.15 M steps instead of 0.3 M."""
    num_epochs: int = pydantic.Field(default=6, ge=1)
    """Passes over a rollout; 10 in the paper, fewer since a rollout is one policy old."""
    minibatch_size: int = pydantic.Field(default=1024, ge=1)
    """Transitions a gradient step; 64 in the paper, more since small ones starve the CPU."""
    clip_ratio: float = pydantic.Field(default=0.2, gt=0)
    """Epsilon of the clipped objective; Schulman et al. 2017, table 3."""
    entropy_coefficient: float = pydantic.Field(default=0.003, ge=0)
    """Weight of the entropy bonus, a nat; own runs."""
    value_coefficient: float = pydantic.Field(default=0.5, ge=0)
    """Weight of the squared value error; own parameters make it a matter of Adam's scale only."""
    max_gradient_norm: float = pydantic.Field(default=0.5, gt=0)
    """Bound on the gradient's norm over policy and value together; Andrychowicz et al. 2021."""
    target_kl: float | None = pydantic.Field(default=None, gt=0)
    """Stops the passes when the policy moved this far from its start, nats; none: never stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOStatistics:
    """What one improvement did; means over its minibatches unless said otherwise."""

    policy_loss: float
    """The clipped objective, negated."""
    value_loss: float
    """Mean squared error of values against returns, in squared units of normalised reward."""
    explained_variance: float
    """Of the returns by the values before the improvement: 1 perfect, 0 like their mean."""
    entropy: float
    """Of the policy after the improvement, nats."""
    approximate_kl: float
    """From the rollout's policy to the improved one, nats, over the last pass."""
    clip_fraction: float
    """Share of transitions whose ratio was outside the clip range."""
    num_gradient_steps: int
    """Fewer than planned when the KL bound stopped the passes."""


class PPO:
    """Owns the policy, its value function, their optimiser and the observation normaliser.

    One owner, not thread-safe. The order of minibatches follows from ``seed`` and the number of
    improvements alone, so a restored instance goes on exactly as the lost one would have.
    """

    def __init__(self, config: PPOConfig, *, observation_dim: int, action_dim: int, seed: int) -> None:
        """Initialises both networks from ``seed``."""
        self.config = config
        self.num_improvements = 0
        self._seed = seed
        self.observation_normaliser = ObservationNormaliser(observation_dim=observation_dim)
        self.policy = GaussianPolicy(
            observation_dim=observation_dim,
            action_dim=action_dim,
            hidden_size=config.hidden_size,
            initial_log_std=config.initial_log_std,
            seed=2 * seed,
        )
        self.value = ValueNetwork(
            observation_dim=observation_dim, hidden_size=config.hidden_size, seed=2 * seed + 1
        )
        self._networks = nn.ModuleDict({"policy": self.policy, "value": self.value})
        self._optimiser = torch.optim.Adam(
            self._networks.parameters(), lr=config.learning_rate, eps=_ADAM_EPSILON, fused=True
        )

    def export_policy(self) -> dict[str, NDArray[np.float32]]:
        """Gives the arrays that simulators act with (`policy.export_policy`)."""
        return export_policy(
            self.policy,
            observation_mean=self.observation_normaliser.mean,
            observation_std=self.observation_normaliser.std,
        )

    def observe(self, observations: NDArray[np.float32]) -> None:
        """Adds observations ``[T, N, O]`` to the normaliser.

        `improve` does so itself; this is for rollouts gathered before there is a reward.
        """
        self.observation_normaliser.update(observations)

    def improve(self, rollout: Rollout, rewards: NDArray[np.float32]) -> PPOStatistics:
        """Improves the policy on one rollout.

        Args:
            rollout: gathered under any recent policy.
            rewards: ``[T, N]`` float32, normalised.
        """
        self.observe(rollout.observations)
        values, advantages = self._advantages(rollout, rewards)
        returns = advantages + values
        residual = float(np.var(returns - values) / max(float(np.var(returns)), 1e-8))
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        rows = (
            self._normalised(rollout.observations),
            _flat(rollout.actions, rollout.actions.shape[-1]),
            _flat(rollout.log_probs),
            _flat(advantages),
            _flat(returns),
        )
        passes = self._run_passes(rows)
        self.num_improvements += 1
        means = np.mean(passes[-1], axis=0)
        return PPOStatistics(
            policy_loss=float(means[0]),
            value_loss=float(means[1]),
            explained_variance=1.0 - residual,
            entropy=self.policy.entropy().item(),
            approximate_kl=float(means[2]),
            clip_fraction=float(means[3]),
            num_gradient_steps=sum(len(steps) for steps in passes),
        )

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Gives everything that `load_state_dict` needs to go on, as arrays by name."""
        arrays: dict[str, NDArray[np.generic]] = {
            "seed": np.array([self._seed], dtype=np.int64),
            "num_improvements": np.array([self.num_improvements], dtype=np.int64),
        }
        for name, array in self.observation_normaliser.state_dict().items():
            arrays[f"observation_normaliser.{name}"] = array
        for name, parameter in self._networks.named_parameters():
            arrays[f"networks.{name}"] = parameter.detach().numpy().copy()
            for moment, tensor in self._optimiser.state.get(parameter, {}).items():
                arrays[f"optimiser.{name}.{moment}"] = tensor.reshape(-1).numpy().copy()
        return arrays

    def load_state_dict(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Takes over what `state_dict` gave.

        Raises:
            CorruptDataError: an array is missing or has another shape.
        """
        try:
            self._load(arrays)
        except (KeyError, RuntimeError, ValueError) as err:
            raise CorruptDataError(f"learner checkpoint: {err}") from err

    def _load(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        moments = {"mean", "sum_squares", "count"}
        self.observation_normaliser.load_state_dict(
            {name: arrays[f"observation_normaliser.{name}"] for name in moments}
        )
        for name, parameter in self._networks.named_parameters():
            parameter.data.copy_(_tensor(arrays[f"networks.{name}"]))
            if f"optimiser.{name}.step" in arrays:
                self._optimiser.state[parameter] = {
                    "step": _tensor(arrays[f"optimiser.{name}.step"]).reshape(()),
                    "exp_avg": _tensor(arrays[f"optimiser.{name}.exp_avg"]).view_as(parameter),
                    "exp_avg_sq": _tensor(arrays[f"optimiser.{name}.exp_avg_sq"]).view_as(parameter),
                }
        self._seed = int(arrays["seed"][0])
        self.num_improvements = int(arrays["num_improvements"][0])

    def _normalised(self, observations: NDArray[np.float32]) -> Tensor:
        return _flat(self.observation_normaliser.normalise(observations), observations.shape[-1])

    def _values(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        values: NDArray[np.float32] = self.value(self._normalised(observations)).numpy()
        return values.reshape(observations.shape[:-1])

    @torch.no_grad()
    def _advantages(
        self, rollout: Rollout, rewards: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        values = self._values(rollout.observations)
        next_values = successor_values(
            values,
            last_values=self._values(rollout.next_observations),
            is_truncated=rollout.is_truncated,
            final_values=self._values(rollout.final_observations),
        )
        advantages = estimate_advantages(
            rewards,
            values,
            next_values=next_values,
            is_truncated=rollout.is_truncated,
            discount=self.config.discount,
            trace_decay=self.config.trace_decay,
        )
        return values, advantages

    def _run_passes(self, rows: tuple[Tensor, ...]) -> list[list[tuple[float, ...]]]:
        generator = np.random.default_rng((self._seed, self.num_improvements))
        passes: list[list[tuple[float, ...]]] = []
        for _ in range(self.config.num_epochs):
            passes.append(
                [
                    self._step(*(column[chosen] for column in rows))
                    for chosen in self._minibatches(len(rows[0]), generator)
                ]
            )
            moved = float(np.mean([step[2] for step in passes[-1]]))
            if self.config.target_kl is not None and moved > self.config.target_kl:
                break
        return passes

    def _minibatches(self, num_rows: int, generator: np.random.Generator) -> Iterator[Tensor]:
        order = torch.from_numpy(generator.permutation(num_rows))
        yield from torch.split(order, self.config.minibatch_size)

    def _step(
        self,
        observations: Tensor,
        actions: Tensor,
        log_probs: Tensor,
        advantages: Tensor,
        returns: Tensor,
    ) -> tuple[float, ...]:
        """Takes one gradient step; gives policy loss, value loss, KL and clip fraction."""
        epsilon = self.config.clip_ratio
        log_ratio = self.policy.log_prob(observations, actions) - log_probs
        policy_loss, ratio = clipped_objective(log_ratio, advantages, clip_ratio=epsilon)
        value_loss = nn.functional.mse_loss(self.value(observations), returns)
        loss = (
            policy_loss
            + self.config.value_coefficient * value_loss
            - self.config.entropy_coefficient * self.policy.entropy()
        )
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._networks.parameters(), self.config.max_gradient_norm)
        self._optimiser.step()
        with torch.no_grad():
            moved = (ratio - 1 - log_ratio).mean()
            clipped = ((ratio - 1).abs() > epsilon).float().mean()
        return policy_loss.item(), value_loss.item(), moved.item(), clipped.item()


def clipped_objective(log_ratio: Tensor, advantages: Tensor, *, clip_ratio: float) -> tuple[Tensor, Tensor]:
    """Gives PPO's clipped objective, negated, and the probability ratios ``[B]``.

    Schulman et al. 2017 (arXiv 1707.06347), equation 7.

    Args:
        log_ratio: ``[B]`` float32, log of new over old probability.
        advantages: ``[B]`` float32.
        clip_ratio: epsilon.
    """
    ratio = torch.exp(log_ratio)
    clipped = ratio.clamp(1 - clip_ratio, 1 + clip_ratio)
    return -torch.min(ratio * advantages, clipped * advantages).mean(), ratio


def _flat(array: NDArray[np.float32], *trailing: int) -> Tensor:
    # copied: what came over the wire is read-only, which torch can't express
    return torch.from_numpy(np.array(array, dtype=np.float32)).reshape(-1, *trailing)


def _tensor(array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
