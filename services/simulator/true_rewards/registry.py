"""Which true reward belongs to which task."""

from __future__ import annotations

import numpy as np

from services.simulator.true_rewards import balance, locomotion, tricks
from services.simulator.true_rewards.steps import Steps, TrueReward
from somersault.domain.arrays import DoubleArray
from somersault.errors import InvalidInputError
from somersault.tasks import Task
from somersault.tasks.custom import load_function

__all__ = ["true_reward_of"]

_TRUE_REWARDS: dict[str, TrueReward] = {
    "ant": locomotion.ant,
    "cheetah": locomotion.cheetah,
    "cheetah-one-leg": tricks.cheetah_one_leg,
    "double-pendulum": balance.double_pendulum,
    "hopper": locomotion.hopper,
    "hopper-backflip": tricks.hopper_backflip,
    "pendulum": balance.pendulum,
    "reacher": balance.reacher,
    "swimmer": locomotion.swimmer,
    "walker": locomotion.walker,
    "walker-ballet": tricks.walker_ballet,
}


def true_reward_of(task: Task) -> TrueReward:
    """Return the true reward of a task; if only people can judge the task it is 0.

    Raises:
        InvalidInputError: The task's own teacher can't be loaded, or isn't named.
    """
    if task.teacher_source is not None:
        return load_function(task.teacher_source)
    if task.teacher is None:
        return _nothing
    if task.name not in _TRUE_REWARDS:
        raise InvalidInputError("teacher_source", None, "FILE.py:FUNCTION: a custom MuJoCo task needs one")
    return _TRUE_REWARDS[task.name]


def _nothing(steps: Steps) -> DoubleArray:
    return np.zeros(steps.states.shape[:-1])
