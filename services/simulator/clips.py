"""Draws clips in a process of its own, so that OpenGL can neither stall nor kill the rollouts."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import structlog

from services.simulator.clip_worker import Clip, draw_clip, open_renderer
from services.simulator.rendering import BACKENDS
from somersault.config import environment
from somersault.errors import ConfigError, UnavailableError
from somersault.tasks import Task
from somersault.types import DoubleArray, FloatArray

__all__ = ["ClipRenderer"]

_START_S = 120  # imports and an OpenGL context take one second; a machine may be busy

_NO_OPENGL = (
    "clips can't be drawn: no OpenGL library works without a screen; install one of them "
    "(Debian: apt-get install libegl1 libgl1-mesa-dri, or apt-get install libosmesa6)"
)

_log = structlog.get_logger()


class ClipRenderer:
    """Draws one clip at a time in a worker process; belongs to one event loop.

    A worker that dies or stalls is replaced, and the clip is tried once more. A worker is also
    replaced after some hundred clips, since OpenGL libraries have been seen to leak.
    """

    def __init__(self, task: Task, *, max_clips_per_worker: int = 300, timeout_s: float = 60) -> None:
        """Prepares; the worker starts with `start` or the first clip.

        Args:
            task: Whose segments are drawn.
            max_clips_per_worker: How many clips a worker draws before it is replaced.
            timeout_s: How long a clip may take; a worker that takes longer counts as dead.
        """
        self._task = task
        self._max_clips_per_worker = max_clips_per_worker
        self._timeout_s = timeout_s
        self._backends = _allowed_backends()
        self._turn = asyncio.Lock()
        self._worker: ProcessPoolExecutor | None = None
        self._worker_pid = 0
        self._num_clips = 0

    async def start(self) -> None:
        """Starts the worker, and so finds out whether clips can be drawn here.

        Raises:
            UnavailableError: No OpenGL library works; the message says what to install.
        """
        async with self._turn:
            await self._ready_worker()

    async def draw(self, states: DoubleArray, *, predicted_rewards: FloatArray | None = None) -> Clip:
        """Draws a segment; see `SegmentRenderer.draw`.

        Raises:
            UnavailableError: No OpenGL library works, or the worker failed twice.
        """
        async with self._turn:
            try:
                return await self._try_to_draw(states, predicted_rewards)
            except (BrokenProcessPool, TimeoutError):
                _log.warning("clip_worker_lost", worker_pid=self._worker_pid)
                self._end_worker()
            try:
                return await self._try_to_draw(states, predicted_rewards)
            except (BrokenProcessPool, TimeoutError) as err:
                self._end_worker()
                raise UnavailableError("drawing the clip failed twice") from err

    async def close(self) -> None:
        """Ends the worker."""
        async with self._turn:
            self._end_worker()

    async def _try_to_draw(self, states: DoubleArray, predicted_rewards: FloatArray | None) -> Clip:
        """Draws with the worker there is, or a new one."""
        worker = await self._ready_worker()
        self._num_clips += 1
        future = asyncio.wrap_future(worker.submit(draw_clip, states, predicted_rewards))
        return await asyncio.wait_for(future, self._timeout_s)

    async def _ready_worker(self) -> ProcessPoolExecutor:
        """Gives a worker with an open OpenGL context."""
        if self._num_clips >= self._max_clips_per_worker:
            self._end_worker()
        if self._worker is None:
            await self._start_worker()
        assert self._worker is not None
        return self._worker

    async def _start_worker(self) -> None:
        """Starts a worker with the first OpenGL library that works, and stays with that library."""
        problems = []
        for backend in self._backends:
            # Forking a process that holds gRPC's threads deadlocks, so the worker is spawned.
            context = multiprocessing.get_context("spawn")
            worker = ProcessPoolExecutor(max_workers=1, mp_context=context)
            future = asyncio.wrap_future(worker.submit(open_renderer, self._task.name, backend))
            try:
                self._worker_pid = await asyncio.wait_for(future, _START_S)
            except (UnavailableError, BrokenProcessPool, TimeoutError) as err:
                worker.shutdown(wait=False, cancel_futures=True)
                problems.append(f"{backend}: {err}")
                continue
            self._worker, self._num_clips, self._backends = worker, 0, (backend,)
            _log.info("clip_worker_started", backend=backend, worker_pid=self._worker_pid)
            return
        raise UnavailableError("; ".join([_NO_OPENGL, *problems]))

    def _end_worker(self) -> None:
        """Kills the worker; it holds nothing worth a farewell, and a stalled one would not hear it."""
        if self._worker is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._worker_pid, signal.SIGKILL)
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._worker = None


def _allowed_backends() -> tuple[str, ...]:
    """Gives the OpenGL libraries to try; ``MUJOCO_GL`` narrows them to one.

    Raises:
        ConfigError: ``MUJOCO_GL`` names another.
    """
    chosen = environment("MUJOCO_GL")
    if not chosen:
        return BACKENDS
    if chosen not in BACKENDS:
        raise ConfigError("MUJOCO_GL", chosen, f"unset or one of {', '.join(BACKENDS)}")
    return (chosen,)
