"""True rewards of new behaviours, written from their descriptions."""

from __future__ import annotations

import numpy as np

from services.simulator.true_rewards.limbs import CHEETAH_FRONT_LEG, WALKER_LEFT_LEG, WALKER_RIGHT_LEG
from services.simulator.true_rewards.steps import Steps
from somersault.domain.arrays import DoubleArray, FloatArray

__all__ = ["cheetah_one_leg", "hopper_backflip", "walker_ballet"]

_CHEETAH_CLEAR_M = 0.15  # the front leg counts as raised in full
_CHEETAH_TORSO_M = 0.7
_BALLET_LIFT_M = 0.8  # one foot this far above the other counts as raised in full


def hopper_backflip(steps: Steps) -> FloatArray:
    """Reward turning backwards, more so when high, with effort, and sliding backwards.

    The function that the authors of the method wrote by hand to get a backflip from Gym's Hopper (at the end
    of openai.com/index/learning-from-human-preferences): -w · (1 + 0.3 · height + 0.1 · (a · q) - 0.05 · v),
    with w the torso's angular velocity, q those of the joints, v the speed forwards. Theirs takes ``(a, ob)``
    without saying whether the observation is from before or after the action; ours is from before, so that it
    is a function of what the reward model sees.
    """
    observations = steps.observations
    backroll = -observations[..., 7]
    height = observations[..., 0]
    effort = (steps.actions * observations[..., 8:11]).sum(axis=-1)
    backslide = -observations[..., 5]
    rewards: FloatArray = backroll * (1.0 + 0.3 * height + 0.1 * effort + 0.05 * backslide)
    return rewards


def cheetah_one_leg(steps: Steps) -> DoubleArray:
    """Reward running forwards on the hind leg alone (Christiano et al. 2017, section 3.2: forwards on one leg).

    lift · (1 + min(v, 4)), with lift how far the lowest of knee, ankle and toe of the front leg is off the
    floor, 1 from 0.15 m on, and v the speed forwards in metres per second, at least -1. A body on its back,
    or whose torso is lower than 0.3 m, gets nothing.
    """
    states = steps.next_states
    is_standing = (np.cos(states[..., 3]) > 0) & (_CHEETAH_TORSO_M + states[..., 2] > 0.3)
    lift = np.clip(CHEETAH_FRONT_LEG.heights(states).min(axis=-1) / _CHEETAH_CLEAR_M, 0.0, 1.0)
    rewards: DoubleArray = is_standing * lift * (1.0 + np.clip(steps.x_velocity, -1.0, 4.0))
    return rewards


def walker_ballet(steps: Steps) -> DoubleArray:
    """Reward standing upright and tall on one leg with the other raised, like a dancer.

    upright · (0.25 + lift) / (1 + v²), with upright the cosine of the torso's pitch, lift how far one foot is
    above the other, 1 from 0.8 m on, and v the speed along the floor in metres per second. Below 0.9 m it is
    0. In rl-teacher people alone taught the walker ballet; this stands in for their taste.
    """
    states = steps.next_states
    upright = np.maximum(np.cos(states[..., 3]), 0.0) * (states[..., 2] > 0.9)
    feet = [leg.heights(states)[..., 1:].min(axis=-1) for leg in (WALKER_RIGHT_LEG, WALKER_LEFT_LEG)]
    lift = np.clip(np.abs(feet[0] - feet[1]) / _BALLET_LIFT_M, 0.0, 1.0)
    rewards: DoubleArray = upright * (0.25 + lift) / (1.0 + steps.x_velocity**2)
    return rewards
