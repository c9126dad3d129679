"""Teaches the ensemble the comparisons, a bounded round at a time.

Shapes: ``B`` comparisons, ``K`` members, ``L`` steps of a segment, ``C`` steps that remain after
cropping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pydantic
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.reward.comparisons import ComparisonBatch, Comparisons
from services.reward.preference_loss import preference_loss
from somersault.config import COMPONENT
from somersault.errors import CorruptDataError
from somersault.reward_model import RewardEnsemble


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=COMPONENT)
class TrainerConfig:
    """How the ensemble is trained; a round costs the same however many labels are stored."""

    learning_rate: float = pydantic.Field(default=1e-3, gt=0)
    """AdamW's step size; own runs."""
    weight_decay: float = pydantic.Field(default=1e-4, ge=0)
    """AdamW's decoupled decay, a step and unit of learning rate; own runs."""
    first_round_steps: int = pydantic.Field(default=100, ge=1)
    """Gradient steps of the first round, when the ensemble knows nothing yet; own runs."""
    round_steps: int = pydantic.Field(default=15, ge=1)
    """Gradient steps of each later round; own runs."""
    minibatch_size: int = pydantic.Field(default=64, ge=1)
    """Comparisons a gradient step, drawn with replacement; own runs."""
    crop_fraction: float = pydantic.Field(default=0.8, gt=0, le=1)
    """Least share of a segment's steps that a training row keeps (temporal cropping, SURF, arXiv
    2203.10050, section 4.2); 1: whole segments."""
    stride: int = pydantic.Field(default=4, ge=1)
    """Every how-manieth step of a crop is scored, its phase drawn anew each time; neighbours 8 ms
    apart look alike, so a sum over a quarter of them costs a quarter and says the same."""
    is_bootstrapped: bool = True
    """Each member weighs each comparison by its own Poisson(1) draw, the online bootstrap (Oza and
    Russell 2001); Christiano et al. 2017 resample per member."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStatistics:
    """What one round did, over the minibatches of the round."""

    loss: float
    """Mean cross-entropy a comparison, nats; log 2 is knowing nothing."""
    accuracy: float
    """Share of comparisons with a winner that the ensemble's mean ranks rightly."""
    num_gradient_steps: int
    """Steps taken."""


class Trainer:
    """Owns the ensemble and its optimiser. One owner, not thread-safe.

    Draws follow from ``seed`` and the number of rounds alone, so a restored instance goes on
    exactly as the lost one would have.
    """

    def __init__(self, ensemble: RewardEnsemble, config: TrainerConfig, *, seed: int) -> None:
        """Takes over ``ensemble``; it is changed in place."""
        self.ensemble = ensemble
        self.config = config
        self.num_rounds = 0
        self._seed = seed
        self._optimiser = torch.optim.AdamW(
            ensemble.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )

    def train_round(self, comparisons: Comparisons) -> RoundStatistics:
        """Trains for one round of minibatches.

        Raises:
            ValueError: no comparison is held.
        """
        generator = np.random.default_rng((self._seed, 0, self.num_rounds))
        config = self.config
        num_steps = config.round_steps if self.num_rounds else config.first_round_steps
        steps = [
            self._step(comparisons.draw(generator, size=config.minibatch_size), generator)
            for _ in range(num_steps)
        ]
        self.num_rounds += 1
        loss, num_right, num_decided = np.sum(steps, axis=0)
        return RoundStatistics(
            loss=float(loss / num_steps),
            accuracy=float(num_right / max(num_decided, 1.0)),
            num_gradient_steps=num_steps,
        )

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Gives everything that `load_state_dict` needs to go on, as arrays by name."""
        arrays: dict[str, NDArray[np.generic]] = {
            "seed": np.array([self._seed], dtype=np.int64),
            "num_rounds": np.array([self.num_rounds], dtype=np.int64),
        }
        for name, parameter in self.ensemble.named_parameters():
            arrays[f"ensemble.{name}"] = parameter.detach().numpy().copy()
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
            raise CorruptDataError(f"reward checkpoint: {err}") from err

    def _load(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        for name, parameter in self.ensemble.named_parameters():
            parameter.data.copy_(_tensor(arrays[f"ensemble.{name}"]))
            if f"optimiser.{name}.step" in arrays:
                self._optimiser.state[parameter] = {
                    "step": _tensor(arrays[f"optimiser.{name}.step"]).reshape(()),
                    "exp_avg": _tensor(arrays[f"optimiser.{name}.exp_avg"]).view_as(parameter),
                    "exp_avg_sq": _tensor(arrays[f"optimiser.{name}.exp_avg_sq"]).view_as(parameter),
                }
        self._seed = int(arrays["seed"][0])
        self.num_rounds = int(arrays["num_rounds"][0])

    def _step(self, batch: ComparisonBatch, generator: np.random.Generator) -> tuple[float, float, float]:
        """Takes one gradient step; gives loss, comparisons ranked rightly, and with a winner."""
        config = self.config
        observations, actions, scale = _thin(batch, generator, config)
        returns = self.ensemble(_tensor(observations), _tensor(actions)).sum(dim=-1) * scale
        left_returns, right_returns = returns[..., 0], returns[..., 1]
        mu = _tensor(batch.mu)
        losses = preference_loss(left_returns, right_returns, mu)
        weighted = losses
        if config.is_bootstrapped:
            weights = _bootstrap_weights(self._seed, batch.sequences, len(losses))
            weighted = losses * _tensor(weights)
        self._optimiser.zero_grad()
        # summed over members: each learns as if alone
        weighted.mean(dim=1).sum().backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        with torch.no_grad():
            decided = mu != 0.5
            is_right = (left_returns - right_returns).mean(dim=0).gt(0) == mu.gt(0.5)
            right = float((is_right & decided).sum())
        return float(losses.detach().mean()), right, float(decided.sum())


def _thin(
    batch: ComparisonBatch, generator: np.random.Generator, config: TrainerConfig
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Crops both segments of each comparison at own places, then keeps every ``stride``-th step.

    Returns:
        Observations ``[B, 2, C, O]``, actions ``[B, 2, C, A]``, and the factor that makes a sum
        over ``C`` steps one over the ``L`` of the whole segment.
    """
    num_rows, num_sides, length = batch.observations.shape[:3]
    shortest = max(config.stride, int(length * config.crop_fraction))
    num_kept = int(generator.integers(shortest, length + 1)) // config.stride
    latest = length - (num_kept - 1) * config.stride
    starts = generator.integers(latest, size=(num_rows, num_sides, 1))
    steps = starts + config.stride * np.arange(num_kept)
    rows = np.arange(num_rows)[:, None, None]
    sides = np.arange(num_sides)[None, :, None]
    scale = length / num_kept
    return batch.observations[rows, sides, steps], batch.actions[rows, sides, steps], scale


def _bootstrap_weights(seed: int, sequences: NDArray[np.int64], num_members: int) -> NDArray[np.float32]:
    """Gives the weight ``[K, B]`` of each comparison for each member: its own draw, for ever."""
    distinct, inverse = np.unique(sequences, return_inverse=True)
    draws = [np.random.default_rng((seed, 1, int(s))).poisson(1.0, num_members) for s in distinct]
    return np.stack(draws, axis=1).astype(np.float32)[:, inverse]


def _tensor(array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
