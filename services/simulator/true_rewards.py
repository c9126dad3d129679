"""The hidden reward of each task: what teachers judge by, and what a run is measured by.

Nothing outside the simulator may import this module: the agent and the reward model never see it.

Shapes: leading axes are free; O observation, A action.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from somersault.tasks import Task

__all__ = ["TrueReward", "true_reward_of"]

_FloatArray = NDArray[np.float32]

TrueReward = Callable[[_FloatArray, _FloatArray], _FloatArray]
"""Gives ``[...]`` rewards from ``[..., O]`` observations before each ``[..., A]`` executed action."""


def true_reward_of(task: Task) -> TrueReward:
    """Gives the hidden reward of a task."""
    return _TRUE_REWARDS[task.name]


def _hopper_backflip(observations: _FloatArray, actions: _FloatArray) -> _FloatArray:
    """Rewards turning backwards, more so when high, with effort, and sliding backwards.

    The function its authors wrote by hand to get a backflip from Gym's Hopper (at the end of
    openai.com/index/learning-from-human-preferences): -w · (1 + 0.3 · height + 0.1 · (a · q) - 0.05 · v),
    with w the torso's angular velocity, q those of the joints, v the speed forwards. Theirs says
    ``(a, ob)`` without saying whether the observation is from before or after the action; ours is
    from before, so that it is a function of what the reward model sees.
    """
    backroll = -observations[..., 7]
    height = observations[..., 0]
    effort = (actions * observations[..., 8:11]).sum(axis=-1)
    backslide = -observations[..., 5]
    rewards: _FloatArray = backroll * (1.0 + 0.3 * height + 0.1 * effort + 0.05 * backslide)
    return rewards


_TRUE_REWARDS: dict[str, TrueReward] = {"hopper-backflip": _hopper_backflip}
