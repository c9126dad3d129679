"""Proximal policy optimisation (Schulman et al. 2017, arXiv 1707.06347) of a policy for any task.

Arrays in, arrays out: time, network and storage are the caller's. Shapes: ``T`` steps, ``N`` environments,
``R`` rows of a rollout (T x N), ``B`` rows of a minibatch, ``A`` action length; observations as in `somersault.domain.arrays`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from services.learner.algorithms.algorithm import Algorithm
from services.learner.algorithms.ppo.advantage import estimate_advantages, successor_values
from services.learner.algorithms.ppo.config import PPOConfig
from services.learner.algorithms.ppo.objective import clipped_objective
from services.learner.networks import build_actor_critic
from services.learner.networks.observation_normaliser import ObservationNormaliser
from services.learner.networks.observations import (
    ObservationRows,
    RolloutObservations,
    arrange_observations,
)
from services.learner.networks.optimiser_state import dump_networks, load_networks
from somersault.domain.arrays import FloatArray, FrameArray
from somersault.domain.packing import numbers_of
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout
from somersault.errors import CorruptDataError
from somersault.numerics.adam import Adam
from somersault.numerics.precision import torch_dtype

__all__ = ["PPO", "PPOStatistics"]

_ADAM_EPSILON = 1e-5  # Andrychowicz et al. 2021, table 1

_MOST_LOG_RATIO = 20.0
"""A transition whose probability changed by more than e^20 teaches nothing: no policy comes that far within a few versions, and the
exponential of more would end in infinity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PPOStatistics:
    """Statistics of one improvement: means over the minibatches of its last pass unless said otherwise."""

    policy_loss: float
    """The clipped objective, negated."""
    value_loss: float
    """Mean squared error of values against returns, in squared units of normalised reward."""
    explained_variance: float
    """Of the returns by the values before the improvement: 1 perfect, 0 like their mean."""
    entropy: float
    """Of the policy, nats."""
    approximate_kl: float
    """KL divergence from the rollout's policy to the improved one, nats."""
    clip_fraction: float
    """Fraction of transitions whose probability ratio was outside the clip range."""
    num_gradient_steps: int
    """Over all passes; fewer than planned if ``target_kl`` stopped them."""


class PPO(Algorithm):
    """Owns the policy, its value function, their optimiser and, if there are numbers, the observation normaliser.

    The order of minibatches depends on ``seed`` and the number of improvements alone.
    """

    def __init__(self, config: PPOConfig, *, spec: TaskSpec, seed: int) -> None:
        """Initialise the networks from ``seed``.

        Raises:
            ConfigError: ``config`` asks for a GPU and there is none.
            InvalidInputError: The task's pictures are too small.
        """
        self.config = config
        self.num_improvements = 0
        self._spec = spec
        self._seed = seed
        self._device = config.choose_device(spec)
        self.observation_normaliser = (
            ObservationNormaliser(observation_dim=spec.num_normalised) if spec.num_normalised else None
        )
        self.networks = build_actor_critic(
            spec,
            hidden_size=config.hidden_size,
            initial_log_std=config.initial_log_std,
            dtype=torch_dtype(config.precision),
            seed=seed,
        ).to(self._device)
        self._optimiser = Adam(
            self.networks.parameters(), learning_rate=config.learning_rate, epsilon=_ADAM_EPSILON
        )

    def export_policy(self) -> dict[str, NDArray[np.float32]]:
        """Return copies of the arrays that simulators act with, by the names of docs/protocol.md."""
        arrays = self.networks.export_policy()
        if self.observation_normaliser is not None:
            arrays["observation_mean"] = self.observation_normaliser.mean
            arrays["observation_std"] = self.observation_normaliser.std
        if self._spec.choice_sizes:
            # Tells which logits belong to which choice where there is no task specification, as in an export.
            arrays["choice_sizes"] = np.array(self._spec.choice_sizes, np.float32)
        return arrays

    def observe(self, observations: FrameArray) -> None:
        """Add observations ``[T + F - 1, N, *frame]`` to the normaliser. Pictures need none, but numbers beside them do.

        `improve` does so itself; this is for rollouts gathered before there are rewards.
        """
        if self.observation_normaliser is not None:
            is_packed = self._spec.is_image
            self.observation_normaliser.update(
                numbers_of(observations, num_numbers=self._spec.num_numbers) if is_packed else observations
            )

    def improve(self, rollout: Rollout, rewards: FloatArray) -> dict[str, float]:
        """Improve the policy on one rollout and return the fields of `PPOStatistics` by name.

        Args:
            rollout: Gathered under any recent policy.
            rewards: ``[T, N]`` float32, normalised.
        """
        self.observe(rollout.observations)
        observations = arrange_observations(
            rollout, num_frames=self._spec.num_frames, normaliser=self.observation_normaliser
        )
        values, advantages = self._advantages(rollout, rewards, observations)
        returns = advantages + values
        residual = float(np.var(returns - values) / max(float(np.var(returns)), 1e-8))
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        passes = self._run_passes(observations.acted_on, self._columns(rollout, advantages, returns))
        self.num_improvements += 1
        return asdict(_summarise(passes, explained_variance=1.0 - residual))

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Return copies of everything that `load_state_dict` needs to go on, by name."""
        arrays: dict[str, NDArray[np.generic]] = {
            "seed": np.array([self._seed], dtype=np.int64),
            "num_improvements": np.array([self.num_improvements], dtype=np.int64),
        }
        if self.observation_normaliser is not None:
            for name, array in self.observation_normaliser.state_dict().items():
                arrays[f"observation_normaliser.{name}"] = array
        return arrays | dump_networks(self.networks, self._optimiser)

    def load_state_dict(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Go on from what `state_dict` returned.

        Raises:
            CorruptDataError: An array is missing or has the wrong shape.
        """
        try:
            if self.observation_normaliser is not None:
                moments = ("mean", "sum_squares", "count")
                self.observation_normaliser.load_state_dict(
                    {name: arrays[f"observation_normaliser.{name}"] for name in moments}
                )
            load_networks(arrays, self.networks, self._optimiser)
            self._seed = int(arrays["seed"][0])
            self.num_improvements = int(arrays["num_improvements"][0])
        except (IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as err:
            raise CorruptDataError(f"learner checkpoint: {err}") from err

    def _columns(
        self, rollout: Rollout, advantages: NDArray[np.float32], returns: NDArray[np.float32]
    ) -> tuple[Tensor, ...]:
        """Return what a gradient step takes beside observations: actions, log probabilities, advantages, returns, by row."""
        action_dtype = np.int64 if self._spec.is_discrete else np.float32
        return (
            self._column(rollout.actions.astype(action_dtype), *self._spec.action_shape),
            self._column(np.array(rollout.log_probs, np.float32)),  # copied: torch takes no read-only memory
            self._column(advantages),
            self._column(returns),
        )

    def _column(self, array: NDArray[np.generic], *trailing: int) -> Tensor:
        return torch.from_numpy(array).reshape(-1, *trailing).to(self._device)

    def _values(self, observations: ObservationRows) -> NDArray[np.float32]:
        """Return values ``[R]``, of pictures a minibatch at a time because their activations take 100 kB a row."""
        num_at_once = self.config.minibatch_size if self._spec.is_image else max(len(observations), 1)
        parts = [
            self.networks.values(observations.take(rows).to(self._device)).cpu()
            for rows in torch.split(torch.arange(len(observations)), num_at_once)
        ]
        values: NDArray[np.float32] = torch.cat(parts).numpy()
        return values

    @torch.no_grad()
    def _advantages(
        self, rollout: Rollout, rewards: NDArray[np.float32], observations: RolloutObservations
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        values = self._values(observations.acted_on).reshape(rollout.log_probs.shape)
        next_values = successor_values(
            values,
            last_values=self._values(observations.last),
            is_truncated=rollout.is_truncated,
            final_values=self._values(observations.final),
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

    def _run_passes(
        self, observations: ObservationRows, columns: tuple[Tensor, ...]
    ) -> list[NDArray[np.float64]]:
        """Run passes until all are made or one moves the policy too far; return `_step`'s result by step of each, ``[S, 5]``."""
        generator = np.random.default_rng((self._seed, self.num_improvements))
        passes: list[NDArray[np.float64]] = []
        for _ in range(self.config.num_epochs):
            steps = [
                self._step(observations.take(rows).to(self._device), *(column[rows] for column in columns))
                for rows in self._minibatches(len(observations), generator)
            ]
            passes.append(torch.stack(steps).cpu().double().numpy())
            if self.config.target_kl is not None and passes[-1][:, 3].mean() > self.config.target_kl:
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
    ) -> Tensor:
        """Take one gradient step and return its policy loss, value loss, entropy, KL and clip fraction ``[5]``."""
        epsilon = self.config.clip_ratio
        new_log_probs, entropy, values = self.networks(observations, actions)
        log_ratio = (new_log_probs - log_probs).clamp(-_MOST_LOG_RATIO, _MOST_LOG_RATIO)
        policy_loss, ratio = clipped_objective(log_ratio, advantages, clip_ratio=epsilon)
        value_loss = nn.functional.mse_loss(values, returns)
        loss = (
            policy_loss
            + self.config.value_coefficient * value_loss
            - self.config.entropy_coefficient * entropy
        )
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.networks.parameters(), self.config.max_gradient_norm)
        self._optimiser.step()
        with torch.no_grad():
            moved = (ratio - 1 - log_ratio).mean()
            clipped = ((ratio - 1).abs() > epsilon).float().mean()
            return torch.stack([policy_loss, value_loss, entropy, moved, clipped])


def _summarise(passes: Sequence[NDArray[np.float64]], *, explained_variance: float) -> PPOStatistics:
    policy_loss, value_loss, entropy, approximate_kl, clip_fraction = passes[-1].mean(axis=0)
    return PPOStatistics(
        policy_loss=float(policy_loss),
        value_loss=float(value_loss),
        explained_variance=explained_variance,
        entropy=float(entropy),
        approximate_kl=float(approximate_kl),
        clip_fraction=float(clip_fraction),
        num_gradient_steps=sum(len(steps) for steps in passes),
    )
