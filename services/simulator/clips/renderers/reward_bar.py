"""A bar that shows the predicted reward of the moment in the picture.

Shapes: T steps of a segment.
"""

from __future__ import annotations

import numpy as np

from services.simulator.clips.renderers.renderer import Frame
from somersault.domain.arrays import FloatArray

__all__ = ["RewardBar", "paint_reward_bar"]

_PANEL_RGB = (24, 27, 31)


class RewardBar:
    """One segment's bars, scaled to the largest of its predicted rewards."""

    def __init__(self, predicted_rewards: FloatArray) -> None:
        """Scale the predicted rewards ``[T]`` float32."""
        self._levels = predicted_rewards / max(float(np.abs(predicted_rewards).max()), 1e-6)

    def put_on(self, frame: Frame, *, step: int) -> Frame:
        """Paint the bar of a step at the right edge of a frame, over the picture, and return it."""
        paint_reward_bar(frame, float(self._levels[step]))
        return frame

    def put_beside(self, frame: Frame, *, step: int) -> Frame:
        """Return the frame widened by a panel with the bar of a step, so that nothing is hidden."""
        height, width = frame.shape[:2]
        wide = np.empty((height, width + height // 8, 3), np.uint8)
        wide[:, :width] = frame
        wide[:, width:] = _PANEL_RGB
        return self.put_on(wide, step=step)


def paint_reward_bar(frame: Frame, level: float) -> None:
    """Paint a bar at the right edge: green upwards from the middle, red downwards.

    Args:
        frame: ``[height, width, 3]`` uint8, changed in place.
        level: -1 to 1, how far the bar reaches.
    """
    height, right = frame.shape[:2]
    width, margin = height // 20, height // 32
    middle, reach = height // 2, height // 2 - margin
    columns = slice(right - margin - width, right - margin)
    frame[margin : height - margin, columns] = frame[margin : height - margin, columns] // 2 + 100
    end = middle - round(np.clip(level, -1.0, 1.0) * reach)
    colour = (46, 160, 67) if level > 0 else (207, 68, 58)
    frame[min(middle, end) : max(middle, end), columns] = colour
    frame[middle - 1 : middle + 1, columns] = 40
