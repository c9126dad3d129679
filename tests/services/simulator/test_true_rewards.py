"""The hidden reward, worked out by hand."""

from __future__ import annotations

import numpy as np

from services.simulator.true_rewards import true_reward_of
from somersault.tasks import Task, list_tasks


def test_backflip_reward_is_the_published_formula(task: Task) -> None:
    """Backroll 2, height 1, effort 0.5·2 - 1·1 + 0.25·4 = 1, backslide 3: 2·(1 + 0.3 + 0.1 + 0.15)."""
    observation = np.array([1, 0, 0, 0, 0, -3, 0, -2, 2, 1, 4], np.float32)
    action = np.array([0.5, -1, 0.25], np.float32)
    reward = true_reward_of(task)(observation, action)
    np.testing.assert_allclose(reward, 3.1, rtol=1e-6)


def test_leading_axes_are_free(task: Task) -> None:
    """A batch gives each of its rows' rewards."""
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(4, 5, 11)).astype(np.float32)
    actions = rng.normal(size=(4, 5, 3)).astype(np.float32)
    rewards = true_reward_of(task)(observations, actions)
    assert rewards.shape == (4, 5)
    assert rewards.dtype == np.float32
    single = true_reward_of(task)(observations[2, 3], actions[2, 3])
    np.testing.assert_allclose(rewards[2, 3], single, rtol=1e-5)


def test_every_task_has_a_hidden_reward() -> None:
    """A task without one could not be measured."""
    for each in list_tasks():
        assert callable(true_reward_of(each))
