"""An evaluation is a function of policy and seed, and keeps the best episodes whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from services.simulator.episodes.evaluation import evaluate
from services.simulator.policy import Policy
from services.simulator.true_rewards import Steps, true_reward_of
from somersault.tasks import Task

PolicyArrays = Callable[..., dict[str, np.ndarray]]


def test_best_episodes_come_first_and_whole(task: Task, policy_arrays: PolicyArrays) -> None:
    """Their 400 steps' true rewards add up to the highest scores."""
    policy = Policy(policy_arrays(), spec=task.spec)
    evaluation = evaluate(policy, task, num_episodes=5, seed=3, is_stochastic=True, num_kept_episodes=2)
    returns = sorted((score.true_return for score in evaluation.scores), reverse=True)
    assert len(returns) == 5
    for best, expected in zip(evaluation.best_episodes, returns[:2], strict=True):
        states = best.footage["states"]
        steps = Steps(best.segment.observations, best.segment.actions, states[:-1], states[1:])
        rewards = true_reward_of(task)(steps)
        assert rewards.shape == (task.episode_steps,)
        assert best.true_return == pytest.approx(expected)
        assert rewards.sum() == pytest.approx(expected, rel=1e-4)
        assert states.shape == (task.episode_steps + 1, 13)
        np.testing.assert_allclose(np.diff(states[:, 0]), task.step_s, atol=1e-9)


def test_same_seed_gives_same_scores(task: Task, policy_arrays: PolicyArrays) -> None:
    """With and without action noise."""
    policy = Policy(policy_arrays(), spec=task.spec)
    for is_stochastic in (False, True):
        first, second = (
            evaluate(policy, task, num_episodes=3, seed=9, is_stochastic=is_stochastic) for _ in range(2)
        )
        assert first.scores == second.scores
        other = evaluate(policy, task, num_episodes=3, seed=10, is_stochastic=is_stochastic)
        assert first.scores != other.scores
