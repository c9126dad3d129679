"""What runs in the process that renders clips: one renderer, one clip after another.

Only `services.simulator.clips.render_process` starts such a process. An OpenGL library that crashes or stalls
takes this process with it and nothing else.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from multiprocessing import connection
from typing import Any

from numpy.typing import NDArray

from services.simulator.clips.renderers import Renderer, open_renderer
from services.simulator.clips.video import Clip, encode_clip
from somersault.domain.arrays import FloatArray
from somersault.runtime import allocator
from somersault.tasks import Task

__all__ = ["open_worker", "render_clip"]

_renderer: Renderer | None = None
_task: Task | None = None
_backend = ""


def open_worker(task: Task, backend: str) -> int:
    """Make this process ready to render clips of a task and return its process id.

    Raises:
        UnavailableError: The OpenGL library gives no context.
    """
    global _renderer, _task, _backend  # noqa: PLW0603 - the renderer lives as long as this process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which then ends us
    _end_with_parent()
    allocator.keep_freed_memory()  # a process of its own does not have what the service's set
    _task, _backend = task, backend
    _renderer = open_renderer(task, backend=backend)
    atexit.register(_renderer.close)
    return os.getpid()


def render_clip(
    footage: Mapping[str, NDArray[Any]],
    num_steps: int,
    predicted_rewards: FloatArray | None,
    *,
    num_still_steps: int = 0,
    size_px: int = 0,
) -> Clip:
    """Render and encode one segment; see `Renderer` and, for ``size_px``, `open_renderer`."""
    assert _renderer is not None
    assert _task is not None
    renderer = open_renderer(_task, backend=_backend, size_px=size_px) if size_px else _renderer
    try:
        frames = renderer.render(
            footage,
            num_steps=num_steps,
            num_still_steps=num_still_steps,
            predicted_rewards=predicted_rewards,
        )
        return encode_clip(frames, fps=_task.clip_fps)
    finally:
        if renderer is not _renderer:
            renderer.close()


def _end_with_parent() -> None:
    """End this process when the service's process ends, however that happens."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait_and_exit() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    # Needs no join: it ends the process, or the process ends it.
    threading.Thread(target=wait_and_exit, name="parent-watch", daemon=True).start()
