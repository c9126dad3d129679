"""Renders a segment of a game by replaying its log: in colour, with the score that the agent isn't shown.

Where a game is over and the next begins, a dark frame marks the last picture of the old one and the first of
the new.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.simulator.clips.renderers.end_mark import frame_end
from services.simulator.clips.renderers.renderer import Frame
from services.simulator.clips.renderers.reward_bar import RewardBar
from services.simulator.clips.renderers.scaling import scale_to_height
from services.simulator.environments.atari.replay import GameReplayer
from somersault.domain.arrays import FloatArray
from somersault.tasks import Task

__all__ = ["AtariRenderer", "stretch_to_screen"]

_HEIGHT_PX, _WIDTH_PX = 210, 160
_MARKED_STEPS = 6  # 0.4 s: noticed, and gone before much of the next game is


class AtariRenderer:
    """Renders segments of one game."""

    def __init__(self, task: Task, *, height_px: int = 0) -> None:
        """Open the task's emulator.

        Args:
            task: Whose segments are rendered.
            height_px: Height of the frames; 0 for the task's own.
        """
        self._task = task
        self._replayer = GameReplayer(task)
        self._factor = max(1, round((height_px or task.clip_size_px) / _HEIGHT_PX))
        self._height_px = height_px or _HEIGHT_PX * self._factor

    def render(
        self,
        footage: Mapping[str, NDArray[Any]],
        *,
        num_steps: int,
        num_still_steps: int = 0,
        predicted_rewards: FloatArray | None = None,
    ) -> Iterator[Frame]:
        """Replay the log; see `Renderer`."""
        del num_still_steps  # when a game is over the next begins at once
        ends = _ends(footage, num_steps=num_steps)
        bar = None if predicted_rewards is None else RewardBar(predicted_rewards)
        for step, screen in enumerate(self._replayer.replay(footage, num_steps=num_steps)):
            if step % self._task.clip_step == 0:
                frame = scale_to_height(stretch_to_screen(screen, factor=self._factor), self._height_px)
                if any(end <= step < end + _MARKED_STEPS for end in ends):
                    frame = frame_end(frame)
                yield frame if bar is None else bar.put_beside(frame, step=step)

    def close(self) -> None:
        """Do nothing: the emulator ends with its process."""


def _ends(footage: Mapping[str, NDArray[Any]], *, num_steps: int) -> list[int]:
    """Return the steps of a segment with which a game ended: the one before the first step of each other game."""
    first_shown = len(footage["log"]) - num_steps
    begins = footage["games"][:, 0]
    return [int(begin) - first_shown - 1 for begin in begins if begin > first_shown]


def stretch_to_screen(screen: Frame, *, factor: int) -> Frame:
    """Enlarge a picture to the shape it had on a television, 4 wide by 3 high.

    The console's pixels are wider than tall: 160 fill 4/3 of the height of 210, so each takes 7/4 of its
    height.

    Args:
        screen: ``[210, 160, 3]`` uint8.
        factor: How many rows each row becomes. With 2, a pixel is three and a half columns wide: every other
            border between pixels falls within a column, in which both are mixed half and half.

    Returns:
        ``[210 * factor, 280 * factor, 3]`` uint8.
    """
    assert screen.shape == (_HEIGHT_PX, _WIDTH_PX, 3), screen.shape
    left, right, share = _columns(factor)
    wide = screen[:, left]
    is_mixed = left != right
    neighbours = screen[:, left[is_mixed]].astype(np.uint16), screen[:, right[is_mixed]].astype(np.uint16)
    weights = share[is_mixed, None]
    wide[:, is_mixed] = (weights * neighbours[0] + (4 - weights) * neighbours[1]) // 4
    return wide.repeat(factor, axis=0)


@functools.cache
def _columns(factor: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.uint16]]:
    """Return, for each column, the pixels at its left and right edge and how many quarters of it the left one fills."""
    begins = 4 * np.arange(_WIDTH_PX * 7 * factor // 4)  # in quarters of a column; a pixel is 7 * factor wide
    left, right = begins // (7 * factor), (begins + 3) // (7 * factor)
    share = np.where(left == right, 4, right * 7 * factor - begins)
    return left, right, share.astype(np.uint16)
