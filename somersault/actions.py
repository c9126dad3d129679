"""What stands in place of an action where none was executed: an environment whose episode ended early stands still.

It is a value that no action has, -1 of a choice and -2 in each component of a vector, so that whoever reads a segment
knows which of its steps stand still, and a reward model can tell the end of an episode from what looks like it.

Shapes: ``*action`` is ``A`` or nothing; leading axes ``...`` are any.
"""

from __future__ import annotations

import numpy as np

from somersault.types import ActionArray, BoolArray, TaskSpec

__all__ = ["NO_CHOICE", "NO_MOVE", "is_still", "least_choice_of", "leave_out_still"]

NO_CHOICE = -1
"""In place of a choice."""
NO_MOVE = -2.0
"""In place of each component of a vector, whose own are within -1 and 1."""


def least_choice_of(spec: TaskSpec) -> int:
    """Return the least number that stands in a segment of choices."""
    return NO_CHOICE if spec.still_steps else 0


def leave_out_still(actions: ActionArray, is_still: BoolArray) -> ActionArray:
    """Return a copy of actions ``[..., *action]`` without those of the steps ``[...]`` that stand still."""
    if np.issubdtype(actions.dtype, np.integer):
        return np.where(is_still, np.int32(NO_CHOICE), actions)
    left: ActionArray = np.where(is_still[..., None], np.float32(NO_MOVE), actions)
    return left


def is_still(actions: ActionArray) -> BoolArray:
    """Return which steps ``[...]`` of ``[..., *action]`` stand still: nothing was executed."""
    if np.issubdtype(actions.dtype, np.integer):
        return np.asarray(actions == NO_CHOICE)
    return np.asarray((actions == np.float32(NO_MOVE)).all(axis=-1))
