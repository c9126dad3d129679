"""Turns a policy's actions into those of a Gymnasium space (`somersault.tasks.gymnasium_spaces.actions`).

Shapes: A action length, D choices made at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from somersault.tasks import GymnasiumEnvironment, Task
from somersault.tasks.gymnasium_spaces.actions import action_bounds, read_actions
from somersault.tasks.gymnasium_spaces.texts import unusable

__all__ = ["action_maker"]


def action_maker(space: Any, task: Task) -> Callable[[Any], Any]:
    """Return a function from a policy's action to an element of the space.

    It takes float32 ``[A]`` from -1 to 1, or int32 ``[]`` or ``[D]``.

    Raises:
        InvalidInputError: The space is of an unsupported kind, or isn't as the task declares it.
    """
    assert isinstance(task.environment, GymnasiumEnvironment)
    limit = task.environment.action_limit
    read = read_actions(space, limit=limit)
    found = (read.action_dim, read.num_actions, read.choice_sizes)
    if found != (task.action_dim, task.num_actions, task.choice_sizes):
        bound = f"as the task declares it: action_dim {task.action_dim}, num_actions {task.num_actions}, "
        raise unusable("action space", space, f"{bound}choice_sizes {task.choice_sizes}")
    if isinstance(space, spaces.Discrete):
        start = int(space.start)
        return lambda action: start + int(action)
    if isinstance(space, spaces.Box):
        return _rescaler(space, limit)
    first = getattr(space, "start", np.zeros(space.shape, space.dtype))  # MultiBinary has none
    return lambda action: first + np.asarray(action, space.dtype).reshape(space.shape)


def _rescaler(space: spaces.Box, limit: float) -> Callable[[Any], Any]:
    low, high = action_bounds(space, limit=limit)
    is_whole = not np.issubdtype(space.dtype, np.floating)

    def rescale(action: NDArray[np.float32]) -> NDArray[Any]:
        share = (action.reshape(space.shape).astype(np.float64) + 1) / 2
        value = low + share * (high - low)
        # Rounding must not carry an action past a bound.
        rescaled: NDArray[Any] = np.asarray(np.rint(value) if is_whole else value, space.dtype)
        return np.asarray(np.clip(rescaled, space.low, space.high))

    return rescale
