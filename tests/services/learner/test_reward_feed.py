"""Scoring a batch with the learner's copy of the reward model."""

from __future__ import annotations

import numpy as np

from services.learner.batch import Batch
from services.learner.reward_feed import _score
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.types import Rollout


def _batch(observations: np.ndarray, actions: np.ndarray) -> Batch:
    steps = actions.shape[:2]
    rollout = Rollout(
        sequence=0,
        policy_version=0,
        observations=observations,
        actions=actions,
        log_probs=np.zeros(steps, np.float32),
        is_truncated=np.zeros(steps, np.bool_),
        final_observations=observations[:0, 0],
        next_observations=observations[-1],
    )
    return Batch(parts=(), rollout=rollout)


def test_a_vector_is_scored_as_it_was_executed() -> None:
    """Actions of 5 and of 1 are the same to the environment, so their rewards are too."""
    ensemble = RewardEnsemble(RewardModelConfig(frame_shape=(3,), action_dim=1), seed=0)
    actions = np.float32([[[5.0], [1.0]], [[-1.0], [-7.0]]])

    rewards, mean = _score(ensemble, _batch(np.ones((2, 2, 3), np.float32), actions))

    assert rewards.shape == (2, 2)
    np.testing.assert_allclose(rewards[:, 0], rewards[:, 1], atol=1e-6)
    assert abs(rewards[0, 0] - rewards[1, 0]) > 1
    executed = np.float32([[1.0], [-1.0]])
    assert np.isclose(mean, ensemble.predict(np.ones((2, 3), np.float32), executed).mean(), atol=1e-6)


def test_pictures_are_scored_from_frames_held_once() -> None:
    """Five frames of two environments are the observations of three steps; rewards have mean 0."""
    config = RewardModelConfig(frame_shape=(43, 44), num_frames=3, num_actions=4)
    frames = np.random.default_rng(0).integers(0, 256, (5, 2, 43, 44), np.uint8)

    rewards, _ = _score(RewardEnsemble(config, seed=0), _batch(frames, np.full((3, 2), 3, np.int32)))

    assert rewards.shape == (3, 2)
    assert abs(float(rewards.mean())) < 1e-5
    assert 0.5 < float(rewards.std()) <= 1.0001
