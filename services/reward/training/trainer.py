"""Teaches the ensemble the comparisons, a bounded round at a time.

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
from services.reward.training.losses.preference import preference_loss
from somersault.errors import CorruptDataError
from somersault.reward_model import RewardEnsemble
from somersault.reward_model.picture_network import PictureNetwork
from somersault.runtime.precision import torch_dtype

__all__ = ["RoundStatistics", "Trainer"]

_NUM_CALIBRATED = (
    256  # observations whose moments scoring normalises by: 1% of error where filters see but one place
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStatistics:
    """What one round did, over the minibatches of the round."""

    loss: float
    """Mean cross-entropy a comparison, nats; log 2 is knowing nothing; NaN if there was none to learn from."""
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
        self._dtype = torch_dtype(config.precision)
        self._optimiser = torch.optim.AdamW(
            ensemble.network.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=True,
        )

    def train_round(self, comparisons: Comparisons, *, is_afresh: bool = False) -> RoundStatistics:
        """Trains for one round of minibatches.

        Args:
            comparisons: what is to be learned; those left out are not. If there are no others, no step is taken.
            is_afresh: forgets everything first and takes about as many steps as all rounds until now, so that
                nothing remains of comparisons that were learned and are left out now.
        """
        if is_afresh:
            self._forget()
        generator = np.random.default_rng((self._seed, 0, self.num_rounds))
        noise = np.random.default_rng((self._seed, 2, self.num_rounds))
        num_steps = self._num_steps(is_afresh=is_afresh)
        self.num_rounds += 1
        if len(comparisons) == comparisons.num_left_out:
            return RoundStatistics(loss=math.nan, accuracy=math.nan, num_gradient_steps=0)
        steps = [self._step(comparisons, generator, noise) for _ in range(num_steps)]
        self._calibrate(comparisons, generator)
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
        for name, tensor in self.ensemble.network.state_dict().items():
            arrays[f"ensemble.{name}"] = tensor.numpy().copy()
        for name, parameter in self.ensemble.network.named_parameters():
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
        for name, tensor in self.ensemble.network.state_dict().items():
            tensor.copy_(_tensor(arrays[f"ensemble.{name}"]))
        for name, parameter in self.ensemble.network.named_parameters():
            if f"optimiser.{name}.step" in arrays:
                self._optimiser.state[parameter] = {
                    "step": _tensor(arrays[f"optimiser.{name}.step"]).reshape(()),
                    "exp_avg": _tensor(arrays[f"optimiser.{name}.exp_avg"]).view_as(parameter),
                    "exp_avg_sq": _tensor(arrays[f"optimiser.{name}.exp_avg_sq"]).view_as(parameter),
                }
        self._seed = int(arrays["seed"][0])
        self.num_rounds = int(arrays["num_rounds"][0])

    def _num_steps(self, *, is_afresh: bool) -> int:
        config = self.config
        if not self.num_rounds:
            return config.first_round_steps
        if not is_afresh:
            return config.round_steps
        return min(config.first_round_steps + self.num_rounds * config.round_steps, config.max_afresh_steps)

    def _forget(self) -> None:
        """Begins anew with the weights of the run's first day."""
        first = type(self.ensemble)(self.ensemble.config, seed=self._seed)
        self.ensemble.network.load_state_dict(first.network.state_dict())
        self._optimiser.state.clear()

    def _step(
        self, comparisons: Comparisons, generator: np.random.Generator, noise: np.random.Generator
    ) -> tuple[float, float, float]:
        """Takes one gradient step; gives loss, comparisons ranked rightly, and with a winner."""
        config = self.config
        batch = comparisons.draw(generator, size=config.minibatch_size)
        crops = draw_crops(generator, config, num_rows=len(batch.rows), length=comparisons.layout.num_steps)
        observations, actions = comparisons.take(batch.rows, crops.steps)
        returns = (
            self.ensemble(observations, actions, noise=noise, dtype=self._dtype).sum(dim=-1) * crops.scale
        )
        left_returns, right_returns = returns[..., 0], returns[..., 1]
        mu = _tensor(batch.mu)
        losses = preference_loss(left_returns, right_returns, mu)
        weights = batch.weights[None, :]
        if config.is_bootstrapped:
            weights = weights * _bootstrap_weights(self._seed, batch.sequences, len(losses))
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

    def _calibrate(self, comparisons: Comparisons, generator: np.random.Generator) -> None:
        """Has a network that normalises take its statistics from what it learns from, as it is now."""
        network = self.ensemble.network
        if not isinstance(network, PictureNetwork):
            return
        num_rows = _NUM_CALIBRATED // 2
        batch = comparisons.draw(generator, size=num_rows)
        steps = generator.integers(comparisons.layout.num_steps, size=(num_rows, 2, 1))
        observations, _ = comparisons.take(batch.rows, steps)
        network.calibrate(torch.from_numpy(observations))


def _bootstrap_weights(seed: int, sequences: NDArray[np.int64], num_members: int) -> NDArray[np.float32]:
    """Gives the weight ``[K, B]`` of each comparison for each member: its own draw, for ever."""
    distinct, inverse = np.unique(sequences, return_inverse=True)
    draws = [np.random.default_rng((seed, 1, int(s))).poisson(1.0, num_members) for s in distinct]
    return np.stack(draws, axis=1).astype(np.float32)[:, inverse]


def _tensor(array: NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))
