"""From a stored segment to a stored clip."""

from __future__ import annotations

import asyncio

import prometheus_client

from services.simulator.clips.render_process import ClipRenderer
from services.simulator.segments.format import DrawableSegment, decode_segment
from somersault.domain.arrays import FloatArray
from somersault.errors import InvalidInputError, ResourceExhaustedError, UnavailableError
from somersault.storage import ObjectStore, StoredObject
from somersault.tasks import Task

__all__ = ["ClipDrawer"]

_MIN_SIZE_PX, _MAX_SIZE_PX = 64, 1024  # as Render says
_CLIP_S = prometheus_client.Histogram(
    "somersault_simulator_clip_seconds", "Time to draw and encode a clip, waiting included."
)


class ClipDrawer:
    """Draws stored segments into stored clips; belongs to one event loop."""

    def __init__(
        self, task: Task, *, store: ObjectStore, renderer: ClipRenderer | None, max_waiting: int
    ) -> None:
        """Takes where segments are and where clips go.

        Args:
            task: Whose segments are drawn.
            store: Holds both.
            renderer: Draws; None refuses every clip.
            max_waiting: Clips that may wait; more are refused.
        """
        self._task = task
        self._store = store
        self._renderer = renderer
        self._max_waiting = max_waiting
        self._num_waiting = 0

    async def draw(
        self, *, segment_uri: str, clip_uri: str, predicted_rewards: FloatArray | None, size_px: int = 0
    ) -> tuple[StoredObject, int]:
        """Draws a segment and stores the clip; gives its place and its number of frames.

        Args:
            segment_uri: Key of the segment object.
            clip_uri: Key for the clip.
            predicted_rewards: ``[T]`` float32 for a bar beside the agent; None for no bar.
            size_px: See `services.simulator.clips.renderers.open_drawer`; 64 to 1,024 and even, or 0 for the task's own.

        Raises:
            InvalidInputError: A size, a key or the number of rewards is wrong, or the task is another.
            ResourceExhaustedError: Too many clips wait already.
            UnavailableError: Nothing can be drawn here, or drawing failed.
            SomersaultError: The store failed; or the segment is missing or corrupt.
        """
        if not clip_uri.endswith(".mp4"):
            raise InvalidInputError("clip_uri", clip_uri, 'a key that ends in ".mp4"')
        if size_px and (not _MIN_SIZE_PX <= size_px <= _MAX_SIZE_PX or size_px % 2):
            bound = f"an even number from {_MIN_SIZE_PX} to {_MAX_SIZE_PX}, or 0 for the task's own"
            raise InvalidInputError("size_px", size_px, bound)
        if self._renderer is None:
            raise UnavailableError("this simulator was started without rendering")
        if self._num_waiting >= self._max_waiting:
            raise ResourceExhaustedError(f"{self._max_waiting} clips wait to be drawn already")
        self._num_waiting += 1
        try:
            segment = await asyncio.to_thread(self._load, segment_uri)
            _check_rewards(segment, predicted_rewards)
            with _CLIP_S.time():
                clip = await self._renderer.draw(
                    segment.footage,
                    num_steps=segment.num_steps,
                    num_still_steps=segment.num_still_steps,
                    predicted_rewards=predicted_rewards,
                    size_px=size_px,
                )
            stored = await asyncio.to_thread(self._store.put, clip_uri, clip.data)
        finally:
            self._num_waiting -= 1
        return stored, clip.num_frames

    def _load(self, segment_uri: str) -> DrawableSegment:
        """Reads and checks a segment object."""
        data = self._store.get(segment_uri)
        return decode_segment(data, task=self._task)


def _check_rewards(segment: DrawableSegment, predicted_rewards: FloatArray | None) -> None:
    """Checks that there is one reward a step."""
    if predicted_rewards is not None and len(predicted_rewards) != segment.num_steps:
        bound = f"{segment.num_steps}, one a step of the segment"
        raise InvalidInputError("number of predicted_rewards", len(predicted_rewards), bound)
