"""What stands in place of an action where none was executed: an environment whose episode ended early stands still.

It is a value that no action has, -1 of a choice (of each, where an action is several) and -2 in each component of a
vector, so that whoever reads a segment knows which of its steps stand still, and a reward model can tell the end of an
episode from what looks like it.

Shapes: ``*action`` is ``A``, ``D`` or nothing (`somersault.domain.arrays`); leading axes ``...`` are any.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from somersault.domain.arrays import ActionArray, BoolArray
from somersault.domain.task_spec import TaskSpec

__all__ = ["NO_CHOICE", "NO_MOVE", "bounds_of_choices", "is_still", "least_choice_of", "leave_out_still"]

NO_CHOICE = -1
"""In place of a choice."""
NO_MOVE = -2.0
"""In place of each component of a vector, whose own are within -1 and 1."""


def least_choice_of(spec: TaskSpec) -> int:
    """Return the least number that stands in a segment of choices."""
    return NO_CHOICE if spec.still_steps else 0


def bounds_of_choices(
    actions: ActionArray, *, choices: Sequence[int], least: int = 0
) -> tuple[str, str] | None:
    """Return what choices are and what they must be, in words, if one of them is none of those there are; else None.

    Args:
        actions: ``[...]`` int32 of one choice, ``[..., D]`` of several.
        choices: how many there are to choose from, of each choice (`TaskSpec.choices`).
        least: the least number there may be (`least_choice_of`).
    """
    columns = actions.reshape(-1, len(choices))
    for place, (column, num_choices) in enumerate(zip(columns.T, choices, strict=True)):
        if column.size and not least <= column.min() <= column.max() < num_choices:
            where = f" in place {place}" if len(choices) > 1 else ""
            return f"{column.min()} to {column.max()}{where}", f"{least} to {num_choices - 1}"
    return None


def leave_out_still(actions: ActionArray, is_still: BoolArray) -> ActionArray:
    """Return a copy of actions ``[..., *action]`` without those of the steps ``[...]`` that stand still."""
    still = is_still.reshape(is_still.shape + (1,) * (actions.ndim - is_still.ndim))
    if np.issubdtype(actions.dtype, np.integer):
        return np.where(still, np.int32(NO_CHOICE), actions)
    left: ActionArray = np.where(still, np.float32(NO_MOVE), actions)
    return left


def is_still(actions: ActionArray, *, num_axes: int = 1) -> BoolArray:
    """Return which steps ``[...]`` of ``[..., *action]`` stand still: nothing was executed.

    Args:
        actions: as executed.
        num_axes: how many the leading axes are.
    """
    is_choice = np.issubdtype(actions.dtype, np.integer)
    is_left_out = np.asarray(actions == (NO_CHOICE if is_choice else np.float32(NO_MOVE)))
    return np.asarray(is_left_out.all(axis=tuple(range(num_axes, actions.ndim))))
