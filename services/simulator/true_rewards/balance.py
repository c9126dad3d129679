"""True rewards of reaching and balancing: Gymnasium's; see `locomotion` for what is left out."""

from __future__ import annotations

import numpy as np

from services.simulator.true_rewards.steps import Steps
from somersault.domain.arrays import DoubleArray

__all__ = ["double_pendulum", "pendulum", "reacher"]

_UPPER_ARM_M, _FOREARM_M = 0.1, 0.11
_POLE_M = 0.6


def reacher(steps: Steps) -> DoubleArray:
    """The distance from fingertip to goal, negative."""
    shoulder, elbow, goal_x, goal_y = np.moveaxis(steps.next_states[..., 1:5], -1, 0)
    tip_x = _UPPER_ARM_M * np.cos(shoulder) + _FOREARM_M * np.cos(shoulder + elbow)
    tip_y = _UPPER_ARM_M * np.sin(shoulder) + _FOREARM_M * np.sin(shoulder + elbow)
    rewards: DoubleArray = -np.hypot(tip_x - goal_x, tip_y - goal_y)
    return rewards


def double_pendulum(steps: Steps) -> DoubleArray:
    """10 while the tip is above 1 m, less for being low, far from the middle or fast: Gymnasium's numbers."""
    cart, first, second = np.moveaxis(steps.next_states[..., 1:4], -1, 0)
    speeds = steps.next_states[..., 5:7]
    x = cart + _POLE_M * (np.sin(first) + np.sin(first + second))
    y = _POLE_M * (np.cos(first) + np.cos(first + second))
    distance = 0.01 * x**2 + (y - 2.0) ** 2
    speed = 1e-3 * speeds[..., 0] ** 2 + 5e-3 * speeds[..., 1] ** 2
    rewards: DoubleArray = 10.0 * (y > 1.0) - distance - speed
    return rewards


def pendulum(steps: Steps) -> DoubleArray:
    """1 while the pole is within 0.2 rad of upright."""
    rewards: DoubleArray = (np.abs(steps.next_states[..., 2]) <= 0.2).astype(np.float64)
    return rewards
