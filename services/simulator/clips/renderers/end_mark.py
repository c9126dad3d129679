"""Marks the end of an episode: a dark frame around a picture, without colour once nothing moves any more.

It says that an episode is over, not whether that is good: falling over and arriving look alike.
"""

from __future__ import annotations

import numpy as np

from services.simulator.clips.renderers.renderer import Frame

__all__ = ["frame_end", "mark_end"]

_EDGE_RGB = (24, 27, 31)
_EDGE_SHARE = 24  # of the shorter side: seen at a glance, hides next to nothing
_DIMMED = 0.85  # so that a white background turns grey too
_LUMA = np.array((0.299, 0.587, 0.114), np.float32)  # ITU-R BT.601, section 2.5.1


def mark_end(frame: Frame) -> Frame:
    """Return a grey, framed copy of the picture that an episode ended with."""
    grey = np.rint(frame @ (_LUMA * _DIMMED)).astype(np.uint8)
    return frame_end(np.repeat(grey[..., None], 3, axis=-1))


def frame_end(frame: Frame) -> Frame:
    """Put the dark frame on a picture, as where one game ends and the next begins, and return it."""
    edge = max(2, min(frame.shape[:2]) // _EDGE_SHARE)
    frame[:edge] = frame[-edge:] = _EDGE_RGB
    frame[:, :edge] = frame[:, -edge:] = _EDGE_RGB
    return frame
