"""Renders a segment from the pictures that its environment rendered of itself while it was played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from numpy.typing import NDArray

from services.simulator.clips.renderers.end_mark import mark_end
from services.simulator.clips.renderers.renderer import Frame
from services.simulator.clips.renderers.reward_bar import RewardBar
from services.simulator.clips.renderers.scaling import scale_to_longer_side
from services.simulator.environments.gymnasium.footage import decode_pictures
from somersault.domain.arrays import FloatArray
from somersault.errors import CorruptDataError
from somersault.tasks import Task

__all__ = ["GymnasiumRenderer"]


class GymnasiumRenderer:
    """Shows recorded pictures. A small one is enlarged by a whole factor, so that no pixel is invented.

    If another size is requested they are resampled, and show no more detail than was recorded.
    """

    def __init__(self, task: Task, *, size_px: int = 0) -> None:
        """Prepare for a task.

        Args:
            task: Whose segments are rendered.
            size_px: Length of the longer side; 0 for the task's own.
        """
        self._clip_step = task.clip_step
        self._own_size_px = task.clip_size_px
        self._size_px = size_px

    def render(
        self,
        footage: Mapping[str, NDArray[Any]],
        *,
        num_steps: int,
        num_still_steps: int = 0,
        predicted_rewards: FloatArray | None = None,
    ) -> Iterator[Frame]:
        """Yield the pictures of the segment's steps; see `Renderer`."""
        bar = None if predicted_rewards is None else RewardBar(predicted_rewards)
        for step, picture in self._pictures(footage, num_steps=num_steps, num_still_steps=num_still_steps):
            frame = self._enlarge(picture)
            if step >= num_steps - num_still_steps:
                frame = mark_end(frame)
            yield frame if bar is None else bar.put_beside(frame, step=step)

    def _pictures(
        self, footage: Mapping[str, NDArray[Any]], *, num_steps: int, num_still_steps: int
    ) -> Iterator[tuple[int, Frame]]:
        """Yield step and picture of each moment shown; while nothing moves the last one is repeated.

        Raises:
            CorruptDataError: No picture is of the segment.
        """
        shown: tuple[int, Frame] | None = None
        for step, picture in decode_pictures(footage):
            if 0 <= step < num_steps:
                shown = step, picture
                yield shown
        if shown is None:
            raise CorruptDataError(f"no picture is of the segment's {num_steps} steps")
        last, picture = shown
        if num_still_steps:
            for step in range(last + self._clip_step, num_steps, self._clip_step):
                yield step, picture

    def _enlarge(self, picture: Frame) -> Frame:
        """Return a picture in the size of the clip."""
        if self._size_px:
            return scale_to_longer_side(picture, self._size_px)
        factor = max(1, self._own_size_px // max(picture.shape[:2]))
        return picture.repeat(factor, axis=0).repeat(factor, axis=1)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""
