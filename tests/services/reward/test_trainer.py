"""Teaching the ensemble comparisons."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from services.reward.comparisons import Comparisons
from services.reward.trainer import Trainer, TrainerConfig
from somersault.errors import CorruptDataError
from somersault.reward_model import RewardEnsemble, RewardModelConfig

_LENGTH = 12
_CONFIG = TrainerConfig(first_round_steps=60, round_steps=5, minibatch_size=16, stride=2)


def _trainer(config: TrainerConfig = _CONFIG, *, seed: int = 0) -> Trainer:
    shape = RewardModelConfig(observation_dim=2, action_dim=1, hidden_size=16)
    return Trainer(RewardEnsemble(shape, seed=seed), config, seed=seed)


def _true_reward(observations: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return observations[..., 0] - 0.5 * actions[..., 0]


def _draw(num: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gives pairs of segments, each around its own level: observations and actions."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(num, 2, 1, 1))
    observations = level + 0.3 * rng.normal(size=(num, 2, _LENGTH, 2))
    actions = rng.normal(size=(num, 2, _LENGTH, 1))
    return observations.astype(np.float32), actions.astype(np.float32)


def _comparisons(num: int = 80) -> Comparisons:
    store = Comparisons(capacity=100, segment_length=_LENGTH, observation_dim=2, action_dim=1)
    observations, actions = _draw(num, seed=1)
    returns = _true_reward(observations, actions).sum(-1)
    for row in range(num):
        is_left = returns[row, 0] > returns[row, 1]
        store.add(observations[row], actions[row], mu=float(is_left))
    return store


def test_ensemble_learns_to_rank_segments_it_never_saw() -> None:
    """Eighty labels teach a linear reward well enough to rank 90% of new pairs."""
    trainer, comparisons = _trainer(), _comparisons()
    for _ in range(20):
        statistics = trainer.train_round(comparisons)

    observations, actions = _draw(200, seed=2)
    predicted = trainer.ensemble.predict(observations, actions).sum(-1).mean(0)
    returns = _true_reward(observations, actions).sum(-1)
    is_right = (predicted[:, 0] > predicted[:, 1]) == (returns[:, 0] > returns[:, 1])

    assert is_right.mean() > 0.9
    assert statistics.accuracy > 0.9
    assert statistics.loss < 0.5


def test_restored_trainer_goes_on_exactly() -> None:
    """A checkpoint between two rounds changes no bit of the second."""
    whole, restored, comparisons = _trainer(seed=1), _trainer(seed=2), _comparisons()
    whole.train_round(comparisons)

    restored.load_state_dict(whole.state_dict())
    statistics = [trainer.train_round(comparisons) for trainer in (whole, restored)]

    assert statistics[0] == statistics[1]
    assert whole.ensemble.to_bytes() == restored.ensemble.to_bytes()


def test_round_costs_the_same_however_many_labels_are_stored() -> None:
    """Gradient steps follow from the config: many in the first round, few in later ones."""
    trainer, comparisons = _trainer(), _comparisons()

    steps = [trainer.train_round(comparisons).num_gradient_steps for _ in range(3)]

    assert steps == [60, 5, 5]


def test_members_learn_different_lessons_from_the_same_labels() -> None:
    """From equal weights, the bootstrap alone drives members apart."""
    trainer = _trainer()
    for parameter in trainer.ensemble.parameters():
        parameter.data[:] = parameter.data[:1].clone()

    trainer.train_round(_comparisons())

    observations, actions = _draw(5, seed=3)
    predicted = trainer.ensemble.predict(observations, actions)
    assert np.abs(predicted[0] - predicted[1]).max() > 1e-3


def test_without_bootstrap_equal_members_stay_equal() -> None:
    """The draws of the bootstrap are the only difference between members that began alike."""
    trainer = _trainer(dataclasses.replace(_CONFIG, is_bootstrapped=False))
    for parameter in trainer.ensemble.parameters():
        parameter.data[:] = parameter.data[:1].clone()

    trainer.train_round(_comparisons())

    observations, actions = _draw(5, seed=3)
    predicted = trainer.ensemble.predict(observations, actions)
    np.testing.assert_allclose(predicted[0], predicted[1], atol=1e-5)


def test_damaged_checkpoint_is_refused() -> None:
    """A missing array is an error that names the checkpoint."""
    arrays = _trainer().state_dict()
    del arrays["ensemble.weights.0"]

    with pytest.raises(CorruptDataError, match="reward checkpoint"):
        _trainer().load_state_dict(arrays)
