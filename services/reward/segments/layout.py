"""How a task's segments are laid out in memory.

Shapes: ``L`` steps of a segment, ``F`` frames an observation; ``*frame`` and ``*action`` as in `somersault.domain.arrays`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.domain.actions import bounds_of_choices, least_choice_of
from somersault.domain.bounds import MAX_NUMBER
from somersault.domain.task_spec import TaskSpec

__all__ = ["SegmentLayout"]


class SegmentLayout:
    """Shapes and types of one segment's arrays; each frame is held once."""

    def __init__(self, spec: TaskSpec) -> None:
        """Lay out the segments of a task."""
        self.num_steps = spec.segment_steps
        """L."""
        self.num_frames = spec.num_frames
        """F."""
        self.is_image = spec.is_image
        """Whether frames are pictures."""
        self._least_choice = least_choice_of(spec)
        self._choices = spec.choices
        self._arrays = {
            "observations": ((self.num_steps + spec.num_frames - 1, *spec.stored_shape), spec.frame_dtype),
            "actions": ((self.num_steps, *spec.action_shape), spec.action_dtype),
        }

    @property
    def segment_bytes(self) -> int:
        """Memory of one segment."""
        return sum(math.prod(shape) * dtype.itemsize for shape, dtype in self._arrays.values())

    def reserve(self, *leading: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return zeroed observations and actions for ``leading`` segments; memory pages are touched only as they fill."""
        observations, actions = (
            np.zeros((*leading, *shape), dtype) for shape, dtype in self._arrays.values()
        )
        return observations, actions

    def check(
        self, observations: NDArray[Any], actions: NDArray[Any], *, leading: tuple[int, ...] = ()
    ) -> None:
        """Check the arrays of ``leading`` segments.

        Raises:
            ValueError: one has another shape or type, a number is past its bound, or an action is not one of the task's choices.
        """
        for name, array in (("observations", observations), ("actions", actions)):
            shape, dtype = self._arrays[name]
            if array.shape != (*leading, *shape) or array.dtype != dtype:
                raise ValueError(
                    f"{name} is {array.dtype} {array.shape}, must be {dtype} {(*leading, *shape)}"
                )
            # Written so that NaN fails too.
            if array.dtype.kind == "f" and array.size and not np.abs(array).max() <= MAX_NUMBER:
                raise ValueError(f"{name} has a number that is not finite or past {MAX_NUMBER:g}")
        if self._choices:
            wrong = bounds_of_choices(actions, choices=self._choices, least=self._least_choice)
            if wrong is not None:
                raise ValueError("actions is {}, must be {}".format(*wrong))
