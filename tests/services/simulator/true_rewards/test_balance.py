"""Rewards of reaching and balancing, computed by hand or by Gymnasium."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from services.simulator.true_rewards import Steps, true_reward_of
from somersault.tasks import get_task


def _reward(name: str, after: list[float]) -> float:
    task = get_task(name)
    state = np.array([[0.0, *after]])
    observations, actions = np.zeros((1, *task.frame_shape)), np.ones((1, task.action_dim))
    (reward,) = true_reward_of(task)(Steps(observations, actions, state, state))
    return float(reward)


def test_reacher_pays_the_distance_of_the_fingertip() -> None:
    """Arm along +x ends at 0.21; bent to +y at the elbow it ends at (0.1, 0.11); the goal is at (0.1, 0.05)."""
    assert _reward("reacher", [0, 0, 0.1, 0.05, 0, 0, 0, 0]) == pytest.approx(-np.hypot(0.11, 0.05))
    assert _reward("reacher", [0, np.pi / 2, 0.1, 0.05, 0, 0, 0, 0]) == pytest.approx(-0.06)


@pytest.mark.parametrize("seed", range(3))
def test_reacher_sees_what_mujoco_sees(seed: int) -> None:
    """In a random pose the distance is that of MuJoCo's own kinematics."""
    env = gymnasium.make("Reacher-v5").unwrapped
    env.reset(seed=seed)
    env.set_state(env.data.qpos + np.array([1.0 + seed, -2.0, 0, 0]), env.data.qvel)
    distance = np.linalg.norm(env.get_body_com("fingertip") - env.get_body_com("target"))
    assert _reward("reacher", [*env.data.qpos, *env.data.qvel]) == pytest.approx(-distance)


def test_double_pendulum_upright_at_rest_is_paid_most() -> None:
    """The tip is 1.2 m high: 10 - 0.8² = 9.36; 1 m aside costs 0.01; speeds of 2 and 3 cost 0.004 and 0.045."""
    assert _reward("double-pendulum", [0, 0, 0, 0, 0, 0]) == pytest.approx(9.36)
    assert _reward("double-pendulum", [1, 0, 0, 0, 2, 3]) == pytest.approx(9.36 - 0.01 - 0.004 - 0.045)


def test_fallen_double_pendulum_loses_its_bonus() -> None:
    """Both poles level, tip at x = 1.2 and y = 0: -0.01 · 1.44 - 4."""
    assert _reward("double-pendulum", [0, np.pi / 2, 0, 0, 0, 0]) == pytest.approx(-4.0144)


def test_pendulum_is_paid_within_a_fifth_of_a_radian() -> None:
    """0.19 rad to either side is upright, 0.21 is not."""
    assert [_reward("pendulum", [0.5, angle, 0, 0]) for angle in (0.19, -0.19, 0.21, -0.21)] == [1, 1, 0, 0]
