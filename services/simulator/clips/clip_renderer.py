"""Renders stored segments into stored clips."""

from __future__ import annotations

import prometheus_client

from services.simulator.clips.render_process import RenderProcess
from services.simulator.own_run import OwnRun
from services.simulator.segments.format import RenderableSegment, decode_segment
from services.simulator.turns import Turns
from somersault.domain.arrays import FloatArray
from somersault.errors import InvalidInputError, UnavailableError
from somersault.runtime.failpoints import failpoint
from somersault.storage import STORE_THREADS, ObjectStore, StoredObject
from somersault.tasks import Task

__all__ = ["ClipRenderer"]

_MAX_WAITING_BYTES = 16 << 20  # of predicted rewards: four hundred of the longest episodes
_MIN_SIZE_PX, _MAX_SIZE_PX = 64, 1024  # as Render says
_CLIP_S = prometheus_client.Histogram(
    "somersault_simulator_clip_seconds", "Time to render and encode a clip, waiting included."
)


class ClipRenderer:
    """Renders stored segments into stored clips; belongs to one event loop."""

    def __init__(
        self,
        task: Task,
        *,
        own_run: OwnRun,
        store: ObjectStore,
        process: RenderProcess | None,
        max_waiting: int,
    ) -> None:
        """Begin with no clip waiting.

        Args:
            task: Whose segments are rendered.
            own_run: The run whose clips are drawn.
            store: Holds segments and clips.
            process: Renders; None refuses every clip.
            max_waiting: How many clips may wait, half of them for one caller; more are refused.
        """
        self._task = task
        self._own_run = own_run
        self._store = store
        self._process = process
        self._turns = Turns(
            "clips", max_calls=max_waiting, max_bytes=_MAX_WAITING_BYTES, num_at_once=2, num_at_once_of_one=2
        )

    async def render(
        self,
        *,
        caller: str,
        segment_uri: str,
        clip_uri: str,
        predicted_rewards: FloatArray | None,
        size_px: int = 0,
    ) -> tuple[StoredObject, int]:
        """Render a segment, store the clip, and return where it is and its number of frames.

        Args:
            caller: Who asks; callers take turns.
            segment_uri: Key of the segment object.
            clip_uri: Key for the clip, one of those that `OwnRun.check_clip` makes.
            predicted_rewards: ``[T]`` float32 for a bar beside the agent; None for no bar.
            size_px: See `open_renderer`; 64 to 1,024 and even, or 0 for the task's own.

        Raises:
            InvalidInputError: The size, a key or the number of rewards is wrong, or the segment is of another
                task.
            ResourceExhaustedError: Too many clips are waiting, or too many of this caller.
            UnavailableError: Nothing can be rendered here, or rendering failed.
            SomersaultError: The store failed, or the segment is missing or corrupt.
        """
        if size_px and (not _MIN_SIZE_PX <= size_px <= _MAX_SIZE_PX or size_px % 2):
            bound = f"an even number from {_MIN_SIZE_PX} to {_MAX_SIZE_PX}, or 0 for the task's own"
            raise InvalidInputError("size_px", size_px, bound)
        has_bar = predicted_rewards is not None
        self._own_run.check_clip(segment_uri, clip_uri, size_px=size_px, has_bar=has_bar)
        if self._process is None:
            raise UnavailableError("this simulator was started without rendering")
        num_bytes = 0 if predicted_rewards is None else predicted_rewards.nbytes
        # Nothing is read before its turn, and while one clip is being drawn the next one's segment is read.
        async with self._turns.turn(caller, num_bytes=num_bytes):
            segment = await STORE_THREADS.run(self._load, segment_uri)
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
            stored = await STORE_THREADS.run(self._store.put, clip_uri, clip.data)
            failpoint("simulator.clip.stored")
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
