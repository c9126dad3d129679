"""True rewards of moving forwards: Gymnasium's, without what can't be seen.

Torque costs are left out, because people can't see them. What ends an episode in Gymnasium costs a bonus here
instead (Christiano et al. 2017, appendix A): a body within the bounds gets 1 per step, and the rest of the
episode is played. All states are those after a step, as in Gymnasium.
"""

from __future__ import annotations

import numpy as np

from services.simulator.true_rewards.steps import Steps
from somersault.domain.arrays import DoubleArray

__all__ = ["ant", "cheetah", "hopper", "swimmer", "walker"]

_HEALTHY_BONUS = 1.0


def hopper(steps: Steps) -> DoubleArray:
    """Speed forwards, and 1 while the torso is above 0.7 m and within 0.2 rad of upright."""
    height, pitch = _height_and_pitch(steps)
    return _pay(steps, (height > 0.7) & (np.abs(pitch) < 0.2))


def walker(steps: Steps) -> DoubleArray:
    """Speed forwards, and 1 while the torso is between 0.8 and 2 m high and within 1 rad of upright."""
    height, pitch = _height_and_pitch(steps)
    return _pay(steps, (height > 0.8) & (height < 2.0) & (np.abs(pitch) < 1.0))


def swimmer(steps: Steps) -> DoubleArray:
    """Speed forwards: towards +x."""
    return steps.x_velocity


def cheetah(steps: Steps) -> DoubleArray:
    """Speed forwards."""
    return steps.x_velocity


def ant(steps: Steps) -> DoubleArray:
    """Speed towards +x, and 1 while the torso is between 0.2 and 1 m high."""
    height = steps.next_states[..., 3]
    return _pay(steps, (height >= 0.2) & (height <= 1.0))


def _height_and_pitch(steps: Steps) -> tuple[DoubleArray, DoubleArray]:
    return steps.next_states[..., 2], steps.next_states[..., 3]


def _pay(steps: Steps, is_healthy: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> DoubleArray:
    rewards: DoubleArray = steps.x_velocity + _HEALTHY_BONUS * is_healthy
    return rewards
