"""Renders clips in a process of its own, so that rendering can neither stall nor kill the rollouts."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import structlog
from numpy.typing import NDArray

from services.simulator.clips.render_worker import open_worker, render_clip
from services.simulator.clips.renderers import OPENGL_BACKENDS, backends_of
from services.simulator.clips.video import Clip
from somersault.domain.arrays import FloatArray
from somersault.errors import ConfigError, UnavailableError
from somersault.runtime.config import environment
from somersault.tasks import Task

__all__ = ["RenderProcess"]

_PIXELS_IN_TIME = 1000 * 320**2  # a clip of more may take longer in proportion
_START_S = 120  # imports and an OpenGL context take one second; a machine may be busy

_NO_OPENGL = (
    "clips can't be rendered: no OpenGL library works without a screen; install one of them "
    "(Debian: apt-get install libegl1 libgl1-mesa-dri, or apt-get install libosmesa6)"
)

_log = structlog.get_logger()


class RenderProcess:
    """Renders one clip at a time in a worker process; belongs to one event loop.

    A worker that dies or stalls is replaced, and the clip is tried once more. A worker is also replaced after
    some hundred clips, because OpenGL libraries have been seen to leak.
    """

    def __init__(self, task: Task, *, max_clips_per_worker: int = 300, timeout_s: float = 60) -> None:
        """Prepare; the worker starts with `start` or the first clip.

        Args:
            task: Whose segments are rendered.
            max_clips_per_worker: How many clips a worker renders before it is replaced.
            timeout_s: How long a clip may take, in proportion longer if it has more than 1,000 frames of 320
                by 320 pixels; a worker that takes longer counts as dead.
        """
        self._task = task
        self._max_clips_per_worker = max_clips_per_worker
        self._timeout_s = timeout_s
        self._needs_opengl = backends_of(task) == OPENGL_BACKENDS
        self._backends = _allowed_backends(task)
        self._turn = asyncio.Lock()
        self._worker: ProcessPoolExecutor | None = None
        self._worker_pid = 0
        self._num_clips = 0

    @property
    def worker_pid(self) -> int:
        """Process id of the newest worker; 0 before the first."""
        return self._worker_pid

    async def start(self) -> None:
        """Start the worker, and so find out whether clips can be rendered here.

        Raises:
            UnavailableError: The task needs OpenGL and no library works; the message says what to install.
        """
        async with self._turn:
            await self._ready_worker()

    async def render(
        self,
        footage: Mapping[str, NDArray[Any]],
        *,
        num_steps: int,
        num_still_steps: int = 0,
        predicted_rewards: FloatArray | None = None,
        size_px: int = 0,
    ) -> Clip:
        """Render a segment; see `Renderer` and, for ``size_px``, `open_renderer`.

        Raises:
            CorruptDataError: The footage doesn't fit together.
            UnavailableError: No OpenGL library works, or the worker failed twice.
        """
        work = functools.partial(
            render_clip,
            footage,
            num_steps,
            predicted_rewards,
            num_still_steps=num_still_steps,
            size_px=size_px,
        )
        timeout_s = self._timeout_s * max(1.0, self._pixels(num_steps, size_px) / _PIXELS_IN_TIME)
        async with self._turn:
            try:
                return await self._try_to_render(work, timeout_s=timeout_s)
            except (BrokenProcessPool, TimeoutError):
                _log.warning("clip_worker_lost", worker_pid=self._worker_pid)
                self._end_worker()
            try:
                return await self._try_to_render(work, timeout_s=timeout_s)
            except (BrokenProcessPool, TimeoutError) as err:
                self._end_worker()
                raise UnavailableError("rendering the clip failed twice") from err

    async def close(self) -> None:
        """End the worker."""
        async with self._turn:
            self._end_worker()

    def _pixels(self, num_steps: int, size_px: int) -> float:
        """Return about how many pixels a clip has."""
        return num_steps / self._task.clip_step * (size_px or self._task.clip_size_px) ** 2

    async def _try_to_render(self, work: Callable[[], Clip], *, timeout_s: float) -> Clip:
        """Render with the current worker, or a new one."""
        worker = await self._ready_worker()
        self._num_clips += 1
        future = asyncio.wrap_future(worker.submit(work))
        return await asyncio.wait_for(future, timeout_s)

    async def _ready_worker(self) -> ProcessPoolExecutor:
        """Return a worker with an open renderer."""
        if self._num_clips >= self._max_clips_per_worker:
            self._end_worker()
        if self._worker is None:
            await self._start_worker()
        assert self._worker is not None
        return self._worker

    async def _start_worker(self) -> None:
        """Start a worker with the first backend that works, and stay with that one."""
        problems = []
        for backend in self._backends:
            # Forking a process that holds gRPC's threads deadlocks, so the worker is spawned.
            context = multiprocessing.get_context("spawn")
            worker = ProcessPoolExecutor(max_workers=1, mp_context=context)
            future = asyncio.wrap_future(worker.submit(open_worker, self._task, backend))
            try:
                self._worker_pid = await asyncio.wait_for(future, _START_S)
            except (UnavailableError, BrokenProcessPool, TimeoutError) as err:
                worker.shutdown(wait=False, cancel_futures=True)
                problems.append(f"{backend}: {err}")
                continue
            except (
                BaseException
            ):  # such as a missing package: nothing to try again, and no process to leave behind
                worker.shutdown(wait=False, cancel_futures=True)
                raise
            self._worker, self._num_clips, self._backends = worker, 0, (backend,)
            _log.info("clip_worker_started", backend=backend, worker_pid=self._worker_pid)
            return
        problem = _NO_OPENGL if self._needs_opengl else "clips can't be rendered: the worker doesn't start"
        raise UnavailableError("; ".join([problem, *problems]))

    def _end_worker(self) -> None:
        """Kill the worker: it has nothing to save, and a stalled one wouldn't react to anything less."""
        if self._worker is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._worker_pid, signal.SIGKILL)
        self._worker.shutdown(wait=False, cancel_futures=True)
        self._worker = None


def _allowed_backends(task: Task) -> tuple[str, ...]:
    """Return the backends to try; ``MUJOCO_GL`` narrows the OpenGL libraries to one.

    Raises:
        ConfigError: ``MUJOCO_GL`` names another.
    """
    chosen, backends = environment("MUJOCO_GL"), backends_of(task)
    if not chosen or backends != OPENGL_BACKENDS:
        return backends
    if chosen not in backends:
        raise ConfigError("MUJOCO_GL", chosen, f"unset or one of {', '.join(backends)}")
    return (chosen,)
