"""Renders stored segments into stored clips."""

from __future__ import annotations

import asyncio

import prometheus_client

from services.simulator.clips.render_process import RenderProcess
from services.simulator.segments.format import RenderableSegment, decode_segment
from somersault.domain.arrays import FloatArray
from somersault.domain.keys import clip_suffix
from somersault.errors import InvalidInputError, ResourceExhaustedError, UnavailableError
from somersault.runtime.failpoints import failpoint
from somersault.storage import ObjectStore, StoredObject
from somersault.tasks import Task

__all__ = ["ClipRenderer"]

_MIN_SIZE_PX, _MAX_SIZE_PX = 64, 1024  # as Render says
_CLIP_S = prometheus_client.Histogram(
    "somersault_simulator_clip_seconds", "Time to render and encode a clip, waiting included."
)


class ClipRenderer:
    """Renders stored segments into stored clips; belongs to one event loop."""

    def __init__(
        self, task: Task, *, store: ObjectStore, process: RenderProcess | None, max_waiting: int
    ) -> None:
        """Begin with no clip waiting.

        Args:
            task: Whose segments are rendered.
            store: Holds segments and clips.
            process: Renders; None refuses every clip.
            max_waiting: How many clips may wait; more are refused.
        """
        self._task = task
        self._store = store
        self._process = process
        self._max_waiting = max_waiting
        self._num_waiting = 0

    async def render(
        self, *, segment_uri: str, clip_uri: str, predicted_rewards: FloatArray | None, size_px: int = 0
    ) -> tuple[StoredObject, int]:
        """Render a segment, store the clip, and return where it is and its number of frames.

        Args:
            segment_uri: Key of the segment object.
            clip_uri: Key for the clip.
            predicted_rewards: ``[T]`` float32 for a bar beside the agent; None for no bar.
            size_px: See `open_renderer`; 64 to 1,024 and even, or 0 for the task's own.

        Raises:
            InvalidInputError: The size, a key or the number of rewards is wrong, or the segment is of another
                task.
            ResourceExhaustedError: Too many clips are waiting.
            UnavailableError: Nothing can be rendered here, or rendering failed.
            SomersaultError: The store failed, or the segment is missing or corrupt.
        """
        if not clip_uri.endswith(clip_suffix()):
            raise InvalidInputError("clip_uri", clip_uri, f'a key that ends in "{clip_suffix()}"')
        if size_px and (not _MIN_SIZE_PX <= size_px <= _MAX_SIZE_PX or size_px % 2):
            bound = f"an even number from {_MIN_SIZE_PX} to {_MAX_SIZE_PX}, or 0 for the task's own"
            raise InvalidInputError("size_px", size_px, bound)
        if self._process is None:
            raise UnavailableError("this simulator was started without rendering")
        if self._num_waiting >= self._max_waiting:
            raise ResourceExhaustedError(f"{self._max_waiting} clips are waiting to be rendered")
        self._num_waiting += 1
        try:
            segment = await asyncio.to_thread(self._load, segment_uri)
            _check_rewards(segment, predicted_rewards)
            with _CLIP_S.time():
                clip = await self._process.render(
                    segment.footage,
                    num_steps=segment.num_steps,
                    num_still_steps=segment.num_still_steps,
                    predicted_rewards=predicted_rewards,
                    size_px=size_px,
                )
            failpoint("simulator.clip.rendered")
            stored = await asyncio.to_thread(self._store.put, clip_uri, clip.data)
            failpoint("simulator.clip.stored")
        finally:
            self._num_waiting -= 1
        return stored, clip.num_frames

    def _load(self, segment_uri: str) -> RenderableSegment:
        """Read and check a segment object."""
        data = self._store.get(segment_uri)
        return decode_segment(data, task=self._task)


def _check_rewards(segment: RenderableSegment, predicted_rewards: FloatArray | None) -> None:
    """Check that there is one reward per step."""
    if predicted_rewards is not None and len(predicted_rewards) != segment.num_steps:
        bound = f"{segment.num_steps}, one per step of the segment"
        raise InvalidInputError("number of predicted_rewards", len(predicted_rewards), bound)
