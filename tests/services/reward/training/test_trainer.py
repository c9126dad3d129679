"""Training the ensemble on comparisons."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from torch import Tensor

from services.reward.feedback.comparisons import Comparisons
from services.reward.segments.layout import SegmentLayout
from services.reward.training.config import PictureTrainerConfig, TrainerConfig
from services.reward.training.trainer import Trainer
from somersault.domain.task_spec import TaskSpec
from somersault.errors import CorruptDataError
from somersault.reward_model import RewardEnsemble, RewardModelConfig

_LENGTH = 12
_SPEC = TaskSpec(
    task="t", frame_shape=(2,), action_dim=1, episode_steps=24, segment_steps=_LENGTH, step_s=0.5
)
_CONFIG = TrainerConfig(first_round_steps=60, round_steps=5, minibatch_size=16, stride=2)


def _trainer(config: TrainerConfig = _CONFIG, *, seed: int = 0) -> Trainer:
    shape = RewardModelConfig.for_task(_SPEC, hidden_size=16)
    return Trainer(RewardEnsemble(shape, seed=seed), config, seed=seed)


def _true_reward(observations: np.ndarray, actions: np.ndarray) -> np.ndarray:
    return observations[..., 0] - 0.5 * actions[..., 0]


def _draw(num: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of segments, each around a level of its own: observations and actions."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=(num, 2, 1, 1))
    observations = level + 0.3 * rng.normal(size=(num, 2, _LENGTH, 2))
    actions = rng.normal(size=(num, 2, _LENGTH, 1))
    return observations.astype(np.float32), actions.astype(np.float32)


def _comparisons(num: int = 80) -> Comparisons:
    store = Comparisons(SegmentLayout(_SPEC), capacity=100)
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


class _Rating:
    """Feedback that rates the left segment alone, from 0 to 1."""

    def losses(self, returns: Tensor, targets: Tensor) -> Tensor:
        """Return the squared error of ``[K, B, S]`` returns."""
        return (returns[..., 0] / _LENGTH - targets) ** 2

    def count_correct(self, returns: Tensor, targets: Tensor) -> tuple[float, float]:
        """Return how many are within a tenth."""
        error = (returns[..., 0].mean(dim=0) / _LENGTH - targets).abs()
        return float((error < 0.1).sum()), float(len(targets))


def test_another_kind_of_feedback_needs_only_its_loss() -> None:
    """Ratings of segments around levels 0 and 1 are learned to a tenth by the same trainer."""
    shape = RewardModelConfig.for_task(_SPEC, hidden_size=16)
    config = dataclasses.replace(_CONFIG, first_round_steps=600)
    trainer = Trainer(RewardEnsemble(shape, seed=0), config, seed=0, loss=_Rating())
    comparisons = Comparisons(SegmentLayout(_SPEC), capacity=40)
    for row in range(40):
        observations = np.full((2, _LENGTH, 2), row % 2, np.float32)
        comparisons.add(observations, np.zeros((2, _LENGTH, 1), np.float32), mu=row % 2)

    trainer.train_round(comparisons)

    levels = np.array([[0, 0], [1, 1]], np.float32)
    predicted = trainer.ensemble.predict(levels, np.zeros((2, 1), np.float32)).mean(axis=0)
    np.testing.assert_allclose(predicted, [0, 1], atol=0.1)


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
    for parameter in trainer.ensemble.network.parameters():
        parameter.data[:] = parameter.data[:1].clone()

    trainer.train_round(_comparisons())

    observations, actions = _draw(5, seed=3)
    predicted = trainer.ensemble.predict(observations, actions)
    assert np.abs(predicted[0] - predicted[1]).max() > 1e-3


def test_without_bootstrap_equal_members_stay_equal() -> None:
    """The draws of the bootstrap are the only difference between members that began alike."""
    trainer = _trainer(dataclasses.replace(_CONFIG, is_bootstrapped=False))
    for parameter in trainer.ensemble.network.parameters():
        parameter.data[:] = parameter.data[:1].clone()

    trainer.train_round(_comparisons())

    observations, actions = _draw(5, seed=3)
    predicted = trainer.ensemble.predict(observations, actions)
    np.testing.assert_allclose(predicted[0], predicted[1], atol=1e-5)


def _comparisons_of_two(*, is_alone: bool) -> Comparisons:
    """Return eighty right answers; unless they are alone, with a wrong one before each."""
    store = Comparisons(SegmentLayout(_SPEC), capacity=200)
    observations, actions = _draw(80, seed=1)
    returns = _true_reward(observations, actions).sum(-1)
    for row in range(80):
        mu = float(returns[row, 0] > returns[row, 1])
        if not is_alone:
            store.add(observations[row, ::-1], actions[row], mu=mu)
        store.add(observations[row], actions[row], mu=mu)
    return store


def test_nothing_remains_of_what_is_left_out_after_learning_from_scratch() -> None:
    """Bit for bit the model of a run that never had those answers, without the bootstrap, whose draws go by number."""
    config = dataclasses.replace(_CONFIG, is_bootstrapped=False)
    spoilt, clean = _trainer(config), _trainer(config)
    both, alone = _comparisons_of_two(is_alone=False), _comparisons_of_two(is_alone=True)
    for _ in range(2):
        spoilt.train_round(both)
        clean.train_round(alone)
    assert spoilt.ensemble.to_bytes() != clean.ensemble.to_bytes()
    for sequence in range(0, 160, 2):
        both.reweigh(sequence, weight=0)

    statistics = [
        trainer.train_round(each, from_scratch=True) for trainer, each in ((spoilt, both), (clean, alone))
    ]

    assert statistics[0] == statistics[1]
    assert statistics[0].num_gradient_steps == 60 + 2 * 5
    assert spoilt.ensemble.to_bytes() == clean.ensemble.to_bytes()


def test_learning_from_scratch_is_bounded() -> None:
    """However many rounds there were."""
    trainer = _trainer(dataclasses.replace(_CONFIG, max_afresh_steps=62))
    comparisons = _comparisons()
    for _ in range(3):
        trainer.train_round(comparisons)
    assert trainer.train_round(comparisons, from_scratch=True).num_gradient_steps == 62


def test_damaged_checkpoint_is_refused() -> None:
    """A missing array is an error that names the checkpoint."""
    arrays = _trainer().state_dict()
    del arrays["ensemble.weights.0"]

    with pytest.raises(CorruptDataError, match="reward checkpoint"):
        _trainer().load_state_dict(arrays)


_CHOICE = TaskSpec(
    task="t", frame_shape=(2,), num_actions=3, episode_steps=24, segment_steps=_LENGTH, step_s=0.5
)
_PICTURE = TaskSpec(
    task="t",
    frame_shape=(48, 48),
    num_frames=4,
    num_actions=3,
    episode_steps=99,
    segment_steps=25,
    step_s=0.1,
)


def test_reward_of_an_action_chosen_is_learned() -> None:
    """Observations say nothing, the reward is 1 where action 2 was chosen: eighty labels rank 90% of new pairs."""
    trainer = Trainer(
        RewardEnsemble(RewardModelConfig.for_task(_CHOICE, hidden_size=16), seed=0), _CONFIG, seed=0
    )
    rng = np.random.default_rng(0)
    share = rng.uniform(size=(280, 2, 1))  # segments differ in how often the action is chosen
    actions = np.where(rng.uniform(size=(280, 2, _LENGTH)) < share, 2, rng.integers(0, 2, (280, 2, _LENGTH)))
    actions = actions.astype(np.int32)
    observations = rng.normal(size=(280, 2, _LENGTH, 2)).astype(np.float32)
    returns = (actions == 2).sum(-1)
    comparisons = Comparisons(SegmentLayout(_CHOICE), capacity=80)
    for row in range(80):
        mu = 0.5 + 0.5 * np.sign(returns[row, 0] - returns[row, 1])
        comparisons.add(observations[row], actions[row], mu=float(mu))

    for _ in range(20):
        trainer.train_round(comparisons)

    predicted = trainer.ensemble.predict_steps(observations[80:], actions[80:], axis=2).sum(-1).mean(0)
    difference = returns[80:, 0] - returns[80:, 1]
    is_right = (predicted[:, 0] > predicted[:, 1]) == (difference > 0)
    assert is_right[difference != 0].mean() > 0.9


def _draw_games(num: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return segments ``[num, 28, 48, 48]`` of a bright square drifting over a dark field, and how far right it was."""
    rng = np.random.default_rng(seed)
    row, column = rng.uniform(0, 40, (2, num, 1)) + rng.normal(size=(2, num, 28)).cumsum(axis=-1)
    row, column = np.clip(row, 0, 40).astype(int), np.clip(column, 0, 40).astype(int)
    frames = np.full((num, 28, 48, 48), 40, np.uint8)
    for segment, frame in np.ndindex(num, 28):
        top, left = row[segment, frame], column[segment, frame]
        frames[segment, frame, top : top + 8, left : left + 8] = 200
    return frames, column[:, 3:].sum(axis=1)


def _picture_trainer(*, seed: int = 0, **changes: int | str) -> Trainer:
    ensemble = RewardEnsemble(RewardModelConfig.for_task(_PICTURE, num_members=2), seed=seed)
    return Trainer(ensemble, PictureTrainerConfig(**changes), seed=seed)


def _game_comparisons(num: int) -> Comparisons:
    frames, returns = _draw_games(2 * num, seed=1)
    comparisons = Comparisons(SegmentLayout(_PICTURE), capacity=num)
    for row in range(0, 2 * num, 2):
        mu = float(returns[row] > returns[row + 1])
        comparisons.add(frames[row : row + 2], np.zeros((2, 25), np.int32), mu=mu)
    return comparisons


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_ensemble_learns_what_pictures_show(precision: str) -> None:
    """Three hundred labels of where a square is rank 90% of new pairs."""
    trainer = _picture_trainer(first_round_steps=100, round_steps=100, precision=precision)
    comparisons = _game_comparisons(300)
    for _ in range(2):
        trainer.train_round(comparisons)

    frames, returns = _draw_games(400, seed=2)
    steps = slice(2, None, 5)
    rewards = trainer.ensemble.predict_steps(frames, np.zeros((400, 25), np.int32), axis=1, steps=steps)
    predicted = rewards.sum(-1).mean(0)

    is_right = (predicted[::2] > predicted[1::2]) == (returns[::2] > returns[1::2])
    assert is_right.mean() > 0.9


def test_restored_trainer_of_pictures_goes_on_exactly() -> None:
    """A checkpoint keeps the statistics too, and dropout follows from seed and round: no bit differs."""
    whole, restored = (
        _picture_trainer(seed=seed, first_round_steps=2, round_steps=2, minibatch_size=4) for seed in (1, 2)
    )
    comparisons = _game_comparisons(8)
    whole.train_round(comparisons)

    restored.load_state_dict(whole.state_dict())
    assert restored.ensemble.to_bytes() == whole.ensemble.to_bytes()
    statistics = [trainer.train_round(comparisons) for trainer in (whole, restored)]

    assert statistics[0] == statistics[1]
    assert whole.ensemble.to_bytes() == restored.ensemble.to_bytes()
