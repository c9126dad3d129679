"""Resamples pictures to a requested size."""

from __future__ import annotations

import numpy as np

from services.simulator.clips.renderers.renderer import Frame
from somersault.environments.gymnasium_spaces import area_means

__all__ = ["scale_to_height", "scale_to_longer_side"]


def scale_to_height(frame: Frame, height_px: int) -> Frame:
    """Return the frame in the given height, its width in proportion and even."""
    height, width = frame.shape[:2]
    if height == height_px:
        return frame
    return _scale(frame, height_px, _even(width * height_px / height))


def scale_to_longer_side(frame: Frame, size_px: int) -> Frame:
    """Return the frame with a longer side of the given length, the other in proportion and even."""
    height, width = frame.shape[:2]
    if height >= width:
        return _scale(frame, size_px, _even(width * size_px / height))
    return _scale(frame, _even(height * size_px / width), size_px)


def _even(length: float) -> int:
    """Return the even number nearest to a length, at least 2: colours are encoded in blocks of two by two pixels."""
    return max(2, 2 * round(length / 2))


def _scale(frame: Frame, height: int, width: int) -> Frame:
    """Resample to ``[height, width, 3]``: each new pixel is the mean of what it covers."""
    rows = area_means(frame.reshape(frame.shape[0], -1).astype(np.float32), height)
    columns = rows.reshape(height, *frame.shape[1:]).swapaxes(0, 1)
    scaled = area_means(columns.reshape(frame.shape[1], -1), width).reshape(width, height, 3)
    return np.ascontiguousarray(np.rint(scaled).astype(np.uint8).swapaxes(0, 1))
