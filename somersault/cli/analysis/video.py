"""Joins clips into one video: one after another or in a grid, as MP4 or GIF.

Shapes: frames are ``[H, W, 3]`` uint8.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
from numpy.typing import NDArray

from somersault.errors import InvalidInputError

__all__ = ["SUFFIXES", "frames_of", "frames_per_second", "side_by_side", "write_video"]

SUFFIXES = (".mp4", ".gif")

Frame = NDArray[np.uint8]

_QUALITY = "23"  # x264's constant rate factor: finer than clips, whose frames were encoded once before
_TIME_BASE_HZ = 1000
_GAP_PX = 4
_MAX_GIF_FPS = 25.0  # browsers show a GIF's frames no faster than every 20 ms, and many round up
_BACKGROUND = 24  # of gaps: dark, so that a grid reads as a grid


def frames_per_second(clip: bytes) -> float:
    """Return a clip's frame rate."""
    with av.open(io.BytesIO(clip)) as container:
        rate = container.streams.video[0].average_rate
        assert rate is not None
        return float(rate)


def frames_of(clip: bytes) -> Iterator[Frame]:
    """Yield a clip's frames."""
    with av.open(io.BytesIO(clip)) as container:
        assert isinstance(container, av.container.InputContainer)
        for frame in container.decode(video=0):
            yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def side_by_side(clips: Sequence[bytes], *, columns: int) -> Iterator[Frame]:
    """Yield frames that tile the clips row by row; a clip that has ended keeps its last frame."""
    films = [frames_of(clip) for clip in clips]
    shown: list[Frame | None] = [None] * len(clips)
    while True:
        newest = [next(film, None) for film in films]
        if all(frame is None for frame in newest):
            return
        shown = [new if new is not None else old for new, old in zip(newest, shown, strict=True)]
        yield _tile([frame for frame in shown if frame is not None], columns=columns)


def write_video(path: Path, frames: Iterator[Frame], *, fps: float) -> int:
    """Write frames in the format of the path's suffix and return how many there were.

    Raises:
        InvalidInputError: the suffix is neither .mp4 nor .gif.
    """
    if path.suffix == ".mp4":
        return _write_mp4(path, frames, fps=fps)
    if path.suffix == ".gif":
        return _write_gif(path, frames, fps=fps)
    raise InvalidInputError("suffix of the output", path.suffix, f"one of {', '.join(SUFFIXES)}")


def _tile(frames: Sequence[Frame], *, columns: int) -> Frame:
    height, width = frames[0].shape[:2]
    rows = -(-len(frames) // columns)
    shape = (rows * (height + _GAP_PX) - _GAP_PX, columns * (width + _GAP_PX) - _GAP_PX, 3)
    whole = np.full(shape, _BACKGROUND, np.uint8)
    for index, frame in enumerate(frames):
        top, left = (index // columns) * (height + _GAP_PX), (index % columns) * (width + _GAP_PX)
        whole[top : top + height, left : left + width] = frame
    return whole


def _write_mp4(path: Path, frames: Iterator[Frame], *, fps: float) -> int:
    num_frames = 0
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(_TIME_BASE_HZ))
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": _QUALITY, "preset": "medium"}
        for frame in frames:
            even = _make_even(frame)
            if num_frames == 0:
                stream.height, stream.width = even.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
            num_frames += 1
        container.mux(stream.encode())
    return num_frames


def _write_gif(path: Path, frames: Iterator[Frame], *, fps: float) -> int:
    """Write a GIF whose 256 colours are chosen for the whole video.

    Frames beyond the rate that browsers show are dropped.
    """
    step = max(1, round(fps / _MAX_GIF_FPS))
    kept = [frame for index, frame in enumerate(frames) if index % step == 0]
    height, width = kept[0].shape[:2]
    rate = Fraction(fps / step).limit_denominator(_TIME_BASE_HZ)
    with av.open(str(path), "w", options={"loop": "0"}) as container:
        stream = container.add_stream("gif", rate=rate)
        stream.height, stream.width, stream.pix_fmt = height, width, "pal8"
        graph = _palette_graph(width=width, height=height, rate=rate)
        for index, frame in enumerate(kept):
            shown = av.VideoFrame.from_ndarray(frame, format="rgb24")
            shown.pts, shown.time_base = index, 1 / rate
            graph.push(shown)
        graph.push(None)
        for index in range(len(kept)):
            pulled = graph.pull()
            assert isinstance(pulled, av.VideoFrame)
            pulled.pts, pulled.time_base = index, 1 / rate
            container.mux(stream.encode(pulled))
        container.mux(stream.encode())
    return len(kept)


def _palette_graph(*, width: int, height: int, rate: Fraction) -> av.filter.Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("rgb24"), time_base=1 / rate)
    split = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=full")
    use = graph.add("paletteuse", "dither=bayer:bayer_scale=5:diff_mode=rectangle")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(palette, 0, 0)
    split.link_to(use, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


def _make_even(frame: Frame) -> Frame:
    """Repeat the last row or column of an odd size, because chroma is encoded in blocks of two by two pixels."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
