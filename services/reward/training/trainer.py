"""Trains the ensemble on the comparisons, one bounded round at a time.

Shapes: ``B`` comparisons, ``K`` members, ``C`` steps of a segment.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.reward.feedback.comparisons import Comparisons
from services.reward.training.config import TrainerConfig
from services.reward.training.crops import draw_crops
from services.reward.training.losses.loss import FeedbackLoss
from services.reward.training.losses.preference import PREFERENCE_LOSS
from somersault.errors import CorruptDataError
from somersault.numerics.adam import Adam
from somersault.numerics.precision import torch_dtype
from somersault.reward_model import RewardEnsemble
from somersault.reward_model.picture_network import PictureNetwork

__all__ = ["RoundStatistics", "Trainer"]

_NUM_CALIBRATED = 256
"""Observations whose moments scoring normalises by: an error of 1% where filters see a single place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStatistics:
    """What one round did, over the minibatches of the round."""

    loss: float
    """Mean loss of a comparison, nats; log 2 is knowing nothing; NaN if there was none to learn from."""
    accuracy: float
    """Share of comparisons with a winner that the ensemble's mean ranks correctly."""
    num_gradient_steps: int


class Trainer:
    """Owns the ensemble and its optimiser. One owner, not thread-safe.

    Random draws depend only on ``seed`` and the number of rounds, so a restored instance continues
    exactly as the lost one would have.
    """

    def __init__(
        self,
        ensemble: RewardEnsemble,
        config: TrainerConfig,
        *,
        seed: int,
        loss: FeedbackLoss = PREFERENCE_LOSS,
    ) -> None:
        """Take over ``ensemble``, which is changed in place; ``loss`` is that of the kind of feedback it learns from."""
        self.ensemble = ensemble
        self.config = config
        self.num_rounds = 0
        self._seed = seed
        self._loss = loss
        self._dtype = torch_dtype(config.precision)
        self._optimiser = Adam(
            ensemble.network.parameters(),
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
        )

    def train_round(self, comparisons: Comparisons, *, from_scratch: bool = False) -> RoundStatistics:
        """Train for one round of minibatches.

        Args:
            comparisons: what to learn from, except those left out. If there are no others, no step is taken.
            from_scratch: start again from the initial weights and take about as many steps as all rounds so far,
                so that nothing remains of comparisons that were learned and have since been left out.
        """
        if from_scratch:
            self._reset()
        generator = np.random.default_rng((self._seed, 0, self.num_rounds))
        noise = np.random.default_rng((self._seed, 2, self.num_rounds))
        num_steps = self._num_steps(from_scratch=from_scratch)
        self.num_rounds += 1
        if len(comparisons) == comparisons.num_left_out:
            return RoundStatistics(loss=math.nan, accuracy=math.nan, num_gradient_steps=0)
        steps = [self._step(comparisons, generator, noise) for _ in range(num_steps)]
        self._calibrate(comparisons, generator)
        loss, num_correct, num_decided = np.sum(steps, axis=0)
        return RoundStatistics(
            loss=float(loss / num_steps),
            accuracy=float(num_correct / max(num_decided, 1.0)),
            num_gradient_steps=num_steps,
        )

    def state_dict(self) -> dict[str, NDArray[np.generic]]:
        """Return everything that `load_state_dict` needs to continue, as arrays by name."""
        arrays: dict[str, NDArray[np.generic]] = {
            "seed": np.array([self._seed], dtype=np.int64),
            "num_rounds": np.array([self.num_rounds], dtype=np.int64),
        }
        for name, tensor in self.ensemble.network.state_dict().items():
            arrays[f"ensemble.{name}"] = tensor.numpy().copy()
        for name, parameter in self.ensemble.network.named_parameters():
            for moment, tensor in self._optimiser.state.get(parameter, {}).items():
                arrays[f"optimiser.{name}.{moment}"] = tensor.reshape(-1).numpy().copy()
        return arrays

    def load_state_dict(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Restore what `state_dict` returned.

        Raises:
            CorruptDataError: an array is missing or has another shape.
        """
        try:
            self._load(arrays)
        except (IndexError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as err:
            raise CorruptDataError(f"reward checkpoint: {err}") from err

    def _load(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Read everything, then take it over: arrays that don't fit must leave nothing half loaded."""
        network = self.ensemble.network
        weights = {name: _tensor(arrays[f"ensemble.{name}"]) for name in network.state_dict()}
        moments = {
            name: {
                "step": _tensor(arrays[f"optimiser.{name}.step"]).reshape(()),
                "exp_avg": _tensor(arrays[f"optimiser.{name}.exp_avg"]).view_as(parameter),
                "exp_avg_sq": _tensor(arrays[f"optimiser.{name}.exp_avg_sq"]).view_as(parameter),
            }
            for name, parameter in network.named_parameters()
            if f"optimiser.{name}.step" in arrays
        }
        seed, num_rounds = int(arrays["seed"][0]), int(arrays["num_rounds"][0])
        for name, tensor in network.state_dict().items():
            if tensor.shape != weights[name].shape:  # copying would repeat a single number
                raise ValueError(
                    f"ensemble.{name} is {tuple(weights[name].shape)}, must be {tuple(tensor.shape)}"
                )
        for name, tensor in network.state_dict().items():
            tensor.copy_(weights[name])
        for name, parameter in network.named_parameters():
            self._optimiser.state.pop(parameter, None)  # before its first step an optimiser has no moments
            if name in moments:
                self._optimiser.state[parameter] = moments[name]
        self._seed, self.num_rounds = seed, num_rounds

    def _num_steps(self, *, from_scratch: bool) -> int:
        config = self.config
        if not self.num_rounds:
            return config.first_round_steps
        if not from_scratch:
            return config.round_steps
        return min(config.first_round_steps + self.num_rounds * config.round_steps, config.max_afresh_steps)

    def _reset(self) -> None:
        """Go back to the weights that the run started with."""
        initial = type(self.ensemble)(self.ensemble.config, seed=self._seed)
        self.ensemble.network.load_state_dict(initial.network.state_dict())
        self._optimiser.state.clear()

    def _step(
        self, comparisons: Comparisons, generator: np.random.Generator, noise: np.random.Generator
    ) -> tuple[float, float, float]:
        """Take one gradient step and return its loss, how many comparisons are ranked correctly, and of how many."""
        config = self.config
        batch = comparisons.draw(generator, size=config.minibatch_size)
        crops = draw_crops(generator, config, num_rows=len(batch.rows), length=comparisons.layout.num_steps)
        observations, actions = comparisons.take(batch.rows, crops.steps)
        returns = (
            self.ensemble(observations, actions, noise=noise, dtype=self._dtype).sum(dim=-1) * crops.scale
        )
        targets = _tensor(batch.mu)
        losses = self._loss.losses(returns, targets)
        weights = batch.weights[None, :]
        if config.is_bootstrapped:
            weights = weights * _bootstrap_weights(self._seed, batch.sequences, len(losses))
        weighted = losses * _tensor(weights)
        self._optimiser.zero_grad()
        # Summed over members: each learns as if it were alone.
        weighted.mean(dim=1).sum().backward()  # type: ignore[no-untyped-call]
        self._optimiser.step()
        with torch.no_grad():
            num_correct, num_decided = self._loss.count_correct(returns, targets)
        return float(losses.detach().mean()), num_correct, num_decided

    def _calibrate(self, comparisons: Comparisons, generator: np.random.Generator) -> None:
        """Have a network that normalises measure its statistics anew on what it learns from."""
        network = self.ensemble.network
        if not isinstance(network, PictureNetwork):
            return
        num_rows = _NUM_CALIBRATED // 2
        batch = comparisons.draw(generator, size=num_rows)
        steps = generator.integers(comparisons.layout.num_steps, size=(num_rows, 2, 1))
        observations, _ = comparisons.take(batch.rows, steps)
        network.calibrate(torch.from_numpy(observations))


def _bootstrap_weights(seed: int, sequences: NDArray[np.int64], num_members: int) -> NDArray[np.float32]:
    """Return the weight ``[K, B]`` of each comparison for each member, which never changes once drawn."""
    distinct, inverse = np.unique(sequences, return_inverse=True)
    draws = [np.random.default_rng((seed, 1, int(s))).poisson(1.0, num_members) for s in distinct]
    return np.stack(draws, axis=1).astype(np.float32)[:, inverse]


def _tensor(array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
