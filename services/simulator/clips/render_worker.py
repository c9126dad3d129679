"""What runs in the process that draws clips: one drawer, one clip after another.

Only `services.simulator.clips.render_process` starts such a process. An OpenGL library that crashes or stalls
takes this process with it and nothing else.
"""

from __future__ import annotations

import atexit
import itertools
import multiprocessing
import os
import signal
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from multiprocessing import connection
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from services.simulator.clips.renderers import Drawer, Frame, open_drawer
from somersault.domain.arrays import FloatArray
from somersault.tasks import Task

__all__ = ["Clip", "draw_clip", "encode_video", "open_worker"]

_QUALITY = "27"  # x264's constant rate factor: about 35 kB a clip, no artefacts that distract
_TIME_BASE_HZ = 1000

_drawer: Drawer | None = None
_task: Task | None = None
_backend = ""


@dataclass(frozen=True, slots=True)
class Clip:
    """Holds the video of a segment."""

    data: bytes
    """MP4 with H.264, ready to be played before it is wholly loaded."""
    num_frames: int


def open_worker(task: Task, backend: str) -> int:
    """Makes this process ready to draw clips of a task and gives its process id.

    Raises:
        UnavailableError: The OpenGL library gives no context.
    """
    global _drawer, _task, _backend  # noqa: PLW0603 - the drawer lives as long as this process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which then ends us
    _end_with_parent()
    _task, _backend = task, backend
    _drawer = open_drawer(task, backend=backend)
    atexit.register(_drawer.close)
    return os.getpid()


def draw_clip(
    footage: Mapping[str, NDArray[Any]],
    num_steps: int,
    predicted_rewards: FloatArray | None,
    *,
    num_still_steps: int = 0,
    size_px: int = 0,
) -> Clip:
    """Draw and encode one segment; see `services.simulator.clips.renderers.Drawer` and, for ``size_px``, `open_drawer`."""
    assert _drawer is not None
    assert _task is not None
    drawer = open_drawer(_task, backend=_backend, size_px=size_px) if size_px else _drawer
    try:
        frames = drawer.draw(
            footage,
            num_steps=num_steps,
            num_still_steps=num_still_steps,
            predicted_rewards=predicted_rewards,
        )
        return _encode_clip(frames, fps=_task.clip_fps)
    finally:
        if drawer is not _drawer:
            drawer.close()


def encode_video(frames: Iterable[Frame], *, fps: float) -> bytes:
    """Encode frames as MP4 with H.264; see `_encode_clip`."""
    return _encode_clip(frames, fps=fps).data


def _encode_clip(frames: Iterable[Frame], *, fps: float) -> Clip:
    """Encode frames as MP4 with H.264 as they come; the same frames give the same bytes.

    Args:
        frames: ``[height, width, 3]`` uint8 each, at least one. The last row or column of an odd size is repeated,
            since colours are encoded for two by two pixels.
        fps: Frames per second.
    """
    # Putting the index first makes the writer read back its own output, which needs a real file.
    with tempfile.TemporaryDirectory(prefix="somersault-clip-") as folder:
        path = Path(folder) / "clip.mp4"
        with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
            rate = Fraction(fps).limit_denominator(_TIME_BASE_HZ)
            stream = container.add_stream("libx264", rate=rate)
            coming = iter(frames)
            first = _make_even(next(coming))
            stream.height, stream.width = first.shape[:2]
            stream.pix_fmt = "yuv420p"
            # More threads, and x264's macroblock tree, would make the bytes differ from time to time.
            stream.codec_context.thread_count = 1
            stream.options = {"crf": _QUALITY, "preset": "veryfast", "x264-params": "mbtree=0"}
            num_frames = 0
            for frame in itertools.chain([first], coming):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(_make_even(frame), format="rgb24")))
                num_frames += 1
            container.mux(stream.encode())
        return Clip(path.read_bytes(), num_frames)


def _make_even(frame: Frame) -> Frame:
    """Gives a frame of even height and width."""
    height, width = frame.shape[:2]
    if height % 2 == width % 2 == 0:
        return frame
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _end_with_parent() -> None:
    """Ends this process when the service's process ends, however that happens."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait_and_exit() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    # Needs no join: it ends the process, or the process ends it.
    threading.Thread(target=wait_and_exit, name="parent-watch", daemon=True).start()
