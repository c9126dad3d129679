"""Rewards of moving forwards, computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.simulator.true_rewards import Steps, true_reward_of
from somersault.tasks import get_task


def _reward(name: str, *, before: list[float], after: list[float]) -> float:
    """Return the reward of a step that takes 0.5 s and leads from one position to another, at rest."""
    task = get_task(name)
    states = [
        np.array([[clock, *positions] + [0.0] * 14]) for clock, positions in ((2, before), (2.5, after))
    ]
    observations, actions = np.zeros((1, *task.frame_shape)), np.ones((1, task.action_dim))
    (reward,) = true_reward_of(task)(Steps(observations, actions, *states))
    return float(reward)


@pytest.mark.parametrize(
    ("name", "height", "pitch", "bonus"),
    [
        ("hopper", 1.25, 0.0, 1),
        ("hopper", 0.69, 0.0, 0),
        ("hopper", 1.25, -0.21, 0),
        ("hopper", 1.25, -0.19, 1),
        ("walker", 0.81, 0.9, 1),
        ("walker", 0.79, 0.0, 0),
        ("walker", 2.01, 0.0, 0),
        ("walker", 1.25, -1.01, 0),
        ("cheetah", -0.5, 3.0, 0),
        ("swimmer", 0.0, 0.0, 0),
    ],
)
def test_speed_forwards_and_a_bonus_within_bounds(name: str, height: float, pitch: float, bonus: int) -> None:
    """From x = 1 to 2.5 in 0.5 s are 3 m/s; where the body ends up decides the bonus; torque costs nothing."""
    assert _reward(name, before=[1, 0, 0], after=[2.5, height, pitch]) == pytest.approx(3 + bonus)


@pytest.mark.parametrize(("height", "bonus"), [(0.19, 0), (0.21, 1), (0.99, 1), (1.01, 0)])
def test_ant_is_paid_for_its_height(height: float, bonus: int) -> None:
    """Backwards by 1 m in 0.5 s are -2 m/s; to the side is worth nothing."""
    assert _reward("ant", before=[0, 0, 0.75], after=[-1, 4, height]) == pytest.approx(-2 + bonus)
