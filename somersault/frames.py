"""From frames, each held once, to the observations they make up.

Shapes: T steps, F frames of an observation, ``*frame`` the axes of a frame; ``...`` any axes, such as environments.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from somersault.types import FrameArray

__all__ = ["observations_of"]


def observations_of(frames: FrameArray, *, num_frames: int) -> FrameArray:
    """Gives the observation of each step: a read-only view, nothing is copied.

    Args:
        frames: ``[T + F - 1, ..., *frame]``, where pictures have two axes; vectors go with F = 1.
        num_frames: F.

    Returns:
        ``[T, ..., F, H, W]`` of pictures, oldest frame first; vectors come back as they are.
    """
    if num_frames == 1 and frames.dtype != np.uint8:
        return frames
    windows = np.lib.stride_tricks.sliding_window_view(frames, num_frames, axis=0)
    return cast("FrameArray", np.moveaxis(windows, -1, -3))
