"""Turns what a policy does into actions that a Gymnasium space holds (`somersault.tasks.gymnasium_spaces.actions`).

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
    """Return a function from an action to one that the space holds.

    It takes float32 ``[A]`` within -1 and 1, or int32 ``[]`` or ``[D]``.

    Raises:
        InvalidInputError: the space can't be acted in, or is not as the task declares it.
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
        return _stretcher(space, limit)
    first = getattr(space, "start", np.zeros(space.shape, space.dtype))  # MultiBinary has none
    return lambda action: first + np.asarray(action, space.dtype).reshape(space.shape)


def _stretcher(space: spaces.Box, limit: float) -> Callable[[Any], Any]:
    low, high = action_bounds(space, limit=limit)
    is_whole = not np.issubdtype(space.dtype, np.floating)

    def stretch(action: NDArray[np.float32]) -> NDArray[Any]:
        share = (action.reshape(space.shape).astype(np.float64) + 1) / 2
        value = low + share * (high - low)
        # Rounding must not carry an action over a bound.
        stretched: NDArray[Any] = np.asarray(np.rint(value) if is_whole else value, space.dtype)
        return np.asarray(np.clip(stretched, space.low, space.high))

    return stretch
