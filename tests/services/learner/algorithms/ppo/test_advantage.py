"""Generalised advantage estimation against sums written out."""

from __future__ import annotations

import numpy as np

from services.learner.algorithms.ppo.advantage import estimate_advantages, successor_values


def _brute_force(
    rewards: np.ndarray,
    values: np.ndarray,
    next_values: np.ndarray,
    is_truncated: np.ndarray,
    discount: float,
    trace_decay: float,
) -> np.ndarray:
    """Sums (γλ)^l δ forward from each step until its episode or the rollout ends."""
    num_steps, num_environments = rewards.shape
    advantages = np.zeros((num_steps, num_environments))
    for column in range(num_environments):
        for start in range(num_steps):
            for step in range(start, num_steps):
                error = rewards[step, column] + discount * next_values[step, column] - values[step, column]
                advantages[start, column] += (discount * trace_decay) ** (step - start) * error
                if is_truncated[step, column]:
                    break
    return advantages


def test_advantages_equal_the_written_out_sum() -> None:
    """Random rollouts with truncations anywhere give the double sum of the paper."""
    rng = np.random.default_rng(0)
    rewards, values, next_values = rng.normal(size=(3, 17, 4)).astype(np.float32)
    is_truncated = rng.random((17, 4)) < 0.2

    advantages = estimate_advantages(
        rewards,
        values,
        next_values=next_values,
        is_truncated=is_truncated,
        discount=0.97,
        trace_decay=0.9,
    )

    expected = _brute_force(rewards, values, next_values, is_truncated, 0.97, 0.9)
    np.testing.assert_allclose(advantages, expected, atol=1e-5)


def test_truncated_episode_bootstraps_from_where_it_ended() -> None:
    """Two steps, the first ends an episode: by hand 1 + ½·4 - 2 = 1 and 3 + ½·6 - 5 = 1."""
    values = np.array([[2.0], [5.0]], np.float32)
    is_truncated = np.array([[True], [False]])
    next_values = successor_values(
        values,
        last_values=np.array([6.0], np.float32),
        is_truncated=is_truncated,
        final_values=np.array([4.0], np.float32),
    )

    advantages = estimate_advantages(
        np.array([[1.0], [3.0]], np.float32),
        values,
        next_values=next_values,
        is_truncated=is_truncated,
        discount=0.5,
        trace_decay=1.0,
    )

    np.testing.assert_allclose(advantages, [[1.0], [1.0]])


def test_successor_values_follow_row_major_order() -> None:
    """Final values land where episodes ended, row by row; others are the next row's values."""
    values = np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)
    is_truncated = np.array([[False, True], [True, False]])

    next_values = successor_values(
        values,
        last_values=np.array([5.0, 6.0], np.float32),
        is_truncated=is_truncated,
        final_values=np.array([7.0, 8.0], np.float32),
    )

    np.testing.assert_array_equal(next_values, [[3.0, 7.0], [8.0, 6.0]])


def test_full_trace_gives_discounted_return_less_value() -> None:
    """With lambda 1 and no end inside, the advantage is the discounted return minus the value."""
    rewards = np.array([[1.0], [2.0], [4.0]], np.float32)
    values = np.array([[10.0], [20.0], [30.0]], np.float32)
    next_values = np.array([[20.0], [30.0], [8.0]], np.float32)

    advantages = estimate_advantages(
        rewards,
        values,
        next_values=next_values,
        is_truncated=np.zeros((3, 1), np.bool_),
        discount=0.5,
        trace_decay=1.0,
    )

    # 1 + 2/2 + 4/4 + 8/8 = 4; 2 + 4/2 + 8/4 = 6; 4 + 8/2 = 8
    np.testing.assert_allclose(advantages, [[4.0 - 10.0], [6.0 - 20.0], [8.0 - 30.0]])
