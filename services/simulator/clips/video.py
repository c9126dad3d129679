"""Encodes frames as video."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from services.simulator.clips.renderers import Frame

__all__ = ["Clip", "encode_clip"]

_QUALITY = "27"  # x264's constant rate factor: about 35 kB a clip, no artefacts that distract
_TIME_BASE_HZ = 1000


@dataclass(frozen=True, slots=True)
class Clip:
    """The video of a segment."""

    data: bytes
    """MP4 with H.264 that starts to play before it is wholly loaded."""
    num_frames: int


def encode_clip(frames: Iterable[Frame], *, fps: float) -> Clip:
    """Encode frames as MP4 with H.264 as they come; the same frames give the same bytes.

    Args:
        frames: ``[height, width, 3]`` uint8 each, at least one. The last row or column of an odd size is
            repeated, since colours are encoded in blocks of two by two pixels.
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
    """Return a frame of even height and width."""
    height, width = frame.shape[:2]
    if height % 2 == width % 2 == 0:
        return frame
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
