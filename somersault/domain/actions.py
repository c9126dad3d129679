"""The value that takes an action's place in still steps, where an environment stands still after its episode ended early.

It is a value that no action has: -1 for a choice (for each, if an action is several), and -2 in each component of a vector.
So a reader of a segment knows which of its steps are still, and a reward model can tell the end of an episode from what
looks like it.

Shapes: ``*action`` is ``A``, ``D`` or nothing (`somersault.domain.arrays`); leading axes ``...`` are any.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from somersault.domain.arrays import ActionArray, BoolArray
from somersault.domain.task_spec import TaskSpec

__all__ = ["NO_CHOICE", "NO_MOVE", "bounds_of_choices", "is_still", "least_choice_of", "leave_out_still"]

NO_CHOICE = -1
"""Takes the place of a choice."""
NO_MOVE = -2.0
"""Takes the place of each component of a vector; those of an action are between -1 and 1."""


def least_choice_of(spec: TaskSpec) -> int:
    """Return the smallest number that occurs in a segment of choices."""
    return NO_CHOICE if spec.still_steps else 0


def bounds_of_choices(
    actions: ActionArray, *, choices: Sequence[int], least: int = 0
) -> tuple[str, str] | None:
    """Return what the choices are and what they must be, in words, if one is out of range; else None.

    Args:
        actions: ``[...]`` int32 of one choice, ``[..., D]`` of several.
        choices: the number of options of each choice (`TaskSpec.choices`).
        least: the smallest number allowed (`least_choice_of`).
    """
    columns = actions.reshape(-1, len(choices))
    for place, (column, num_choices) in enumerate(zip(columns.T, choices, strict=True)):
        if column.size and not least <= column.min() <= column.max() < num_choices:
            where = f" in place {place}" if len(choices) > 1 else ""
            return f"{column.min()} to {column.max()}{where}", f"{least} to {num_choices - 1}"
    return None


def leave_out_still(actions: ActionArray, is_still: BoolArray) -> ActionArray:
    """Return a copy of actions ``[..., *action]`` in which the still steps ``[...]`` have none."""
    still = is_still.reshape(is_still.shape + (1,) * (actions.ndim - is_still.ndim))
    if np.issubdtype(actions.dtype, np.integer):
        return np.where(still, np.int32(NO_CHOICE), actions)
    left: ActionArray = np.where(still, np.float32(NO_MOVE), actions)
    return left


def is_still(actions: ActionArray, *, num_axes: int = 1) -> BoolArray:
    """Return which steps ``[...]`` of actions ``[..., *action]`` are still: nothing was executed.

    Args:
        actions: as executed.
        num_axes: the number of leading axes.
    """
    is_choice = np.issubdtype(actions.dtype, np.integer)
    is_left_out = np.asarray(actions == (NO_CHOICE if is_choice else np.float32(NO_MOVE)))
    return np.asarray(is_left_out.all(axis=tuple(range(num_axes, actions.ndim))))
