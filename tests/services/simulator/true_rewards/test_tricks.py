"""Rewards of new behaviours, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.simulator.true_rewards import Steps, true_reward_of
from somersault.tasks import Task, get_task


def _pay(task: Task, states: np.ndarray, *, x_velocity: float) -> float:
    """Return the reward of a step of 0.5 s that ends in a state, at a speed forwards."""
    before = states.copy()
    before[0], before[1] = states[0] - 0.5, states[1] - 0.5 * x_velocity
    observation, action = np.zeros(task.frame_shape, np.float32), np.zeros(task.action_dim, np.float32)
    return float(true_reward_of(task)(Steps(observation, action, before, states)))


def test_backflip_reward_is_the_published_formula(task: Task) -> None:
    """Backroll 2, height 1, effort 0.5·2 - 1·1 + 0.25·4 = 1, backslide 3: 2·(1 + 0.3 + 0.1 + 0.15)."""
    observation = np.array([1, 0, 0, 0, 0, -3, 0, -2, 2, 1, 4], np.float32)
    action = np.array([0.5, -1, 0.25], np.float32)
    reward = true_reward_of(task)(Steps(observation, action, np.zeros(13), np.zeros(13)))
    np.testing.assert_allclose(reward, 3.1, rtol=1e-6)


def test_leading_axes_are_free(task: Task) -> None:
    """A batch gives each of its rows' rewards."""
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(4, 5, 11)).astype(np.float32)
    actions = rng.normal(size=(4, 5, 3)).astype(np.float32)
    states = rng.normal(size=(4, 5, 13))
    rewards = true_reward_of(task)(Steps(observations, actions, states, states))
    assert rewards.shape == (4, 5)
    assert rewards.dtype == np.float32
    single = true_reward_of(task)(Steps(observations[2, 3], actions[2, 3], states[2, 3], states[2, 3]))
    np.testing.assert_allclose(rewards[2, 3], single, rtol=1e-5)


def _cheetah(*, height: float = 0.0, pitch: float = 0.0) -> np.ndarray:
    state = np.zeros(19)
    state[0], state[2], state[3] = 1.0, height, pitch
    return state


def test_cheetah_with_its_front_leg_raised_is_paid_its_speed_and_one() -> None:
    """0.2 m above its rest the toe is 0.2 - 0.044 = 0.157 m up: raised in full; 4 m/s is the most that counts."""
    task = get_task("cheetah-one-leg")
    for x_velocity, expected in ((3.0, 4.0), (0.0, 1.0), (-0.5, 0.5), (-2.0, 0.0), (9.0, 5.0)):
        assert _pay(task, _cheetah(height=0.2), x_velocity=x_velocity) == pytest.approx(expected)


def test_cheetah_on_both_legs_lying_or_on_its_back_is_paid_nothing() -> None:
    """At rest the toe touches: 0.7 - 0.24 - 0.18 - 0.07 - 0.07·cos 0.6 - 0.046 = 0.106, a lift of 0.708."""
    task = get_task("cheetah-one-leg")
    assert _pay(task, _cheetah(height=-0.2), x_velocity=3.0) == 0
    assert _pay(task, _cheetah(height=-0.45, pitch=-0.5), x_velocity=3.0) == 0
    assert _pay(task, _cheetah(height=0.5, pitch=np.pi), x_velocity=3.0) == 0
    assert _pay(task, _cheetah(), x_velocity=1.0) == pytest.approx(2 * 0.1062265 / 0.15, rel=1e-4)


def _walker(*, height: float = 1.25, pitch: float = 0.0, right_hip: float = 0.0) -> np.ndarray:
    state = np.zeros(19)
    state[0], state[2], state[3], state[4] = 1.0, height, pitch, right_hip
    return state


def test_dancer_with_one_leg_level_is_paid_in_full() -> None:
    """A leg that points forwards lifts its ankle by 0.45 + 0.5 m, more than the 0.8 m that count: 0.25 + 1.

    Backwards, the toe hangs 0.2 m lower: 0.75 / 0.8 = 0.9375.
    """
    task = get_task("walker-ballet")
    assert _pay(task, _walker(right_hip=np.pi / 2), x_velocity=0.0) == pytest.approx(1.25)
    assert _pay(task, _walker(right_hip=np.pi / 2), x_velocity=2.0) == pytest.approx(1.25 / 5)
    assert _pay(task, _walker(right_hip=-np.pi / 2), x_velocity=0.0) == pytest.approx(1.1875)
    assert _pay(task, _walker(), x_velocity=0.0) == pytest.approx(0.25)
    assert _pay(task, _walker(pitch=np.pi / 3), x_velocity=0.0) == pytest.approx(0.5 * 0.25)


def test_dancer_on_the_floor_is_paid_nothing() -> None:
    """Below 0.9 m, or upside down."""
    task = get_task("walker-ballet")
    assert _pay(task, _walker(height=0.89, right_hip=-np.pi / 2), x_velocity=0.0) == 0
    assert _pay(task, _walker(pitch=np.pi), x_velocity=0.0) == 0
