"""Turns frames, each held once, into the observations that they make up.

Shapes: T steps, F frames of an observation, ``*frame`` the axes of a frame; ``...`` any axes, such as environments.
"""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from somersault.domain.arrays import FrameArray
from somersault.domain.packing import numbers_of, planes_of
from somersault.domain.task_spec import TaskSpec

__all__ = ["observations_of", "unpacked"]


def observations_of(frames: FrameArray, *, num_frames: int) -> FrameArray:
    """Return the observation of each step as a read-only view; nothing is copied.

    Args:
        frames: ``[T + F - 1, ..., *frame]``, where pictures have two axes; for vectors F is 1.
        num_frames: F.

    Returns:
        ``[T, ..., F, H, W]`` for pictures, oldest frame first; vectors are returned unchanged.
    """
    if num_frames == 1 and frames.dtype != np.uint8:
        return frames
    windows = np.lib.stride_tricks.sliding_window_view(frames, num_frames, axis=0)
    return cast("FrameArray", np.moveaxis(windows, -1, -3))


def unpacked(stacks: FrameArray, *, spec: TaskSpec) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """Return what `observations_of` returned in the form in which a policy sees it outside a run.

    Args:
        stacks: ``[..., *observation]``.
        spec: the task's.

    Returns:
        Vectors unchanged; planes ``[..., F * C, H, W]``; if there are numbers beside them, a dict of ``pictures`` and
        ``numbers``, float32 ``[..., V]``, those of the newest frame.
    """
    if spec.stored_shape == spec.frame_shape:
        return stacks
    planes = planes_of(stacks, frame_shape=spec.frame_shape, num_planes=spec.num_planes)
    if not spec.num_numbers:
        return planes
    numbers = numbers_of(stacks[..., -1, :, :], num_numbers=spec.num_numbers)
    return {"numbers": numbers, "pictures": planes}
