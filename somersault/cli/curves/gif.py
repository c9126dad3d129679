"""Converts an mp4 to an animated GIF, for viewers that show images but not videos."""

from __future__ import annotations

import io
import math
from typing import Any

from somersault.errors import CorruptDataError

__all__ = ["encode_gif"]

_MAX_SIZE_PX = 200
_MAX_FRAMES = 90
_MAX_FPS = 15.0
_NUM_COLOURS = 64  # plenty for drawn bodies and games; halves the size


def encode_gif(clip: bytes) -> tuple[bytes, int, int]:
    """Return a small GIF of the start of an mp4, with its width and height in pixels.

    Raises:
        CorruptDataError: it isn't a video.
    """
    # Imported here: the command line starts without it, and only a run with videos needs it.
    import av

    try:
        pictures, fps = _pictures(clip)
    except (av.FFmpegError, IndexError) as error:
        raise CorruptDataError(f"a clip of {len(clip)} bytes can't be read as a video: {error}") from error
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 / fps),
        loop=0,
    )
    width, height = pictures[0].size
    return buffer.getvalue(), width, height


def _pictures(clip: bytes) -> tuple[list[Any], float]:
    """Return the frames to keep, scaled and with few colours, and their rate per second."""
    import av

    pictures: list[Any] = []
    with av.open(io.BytesIO(clip)) as container:
        assert isinstance(container, av.container.InputContainer)
        stream = container.streams.video[0]
        rate = float(stream.average_rate or _MAX_FPS)
        step = max(1, math.ceil(rate / _MAX_FPS))
        for index, frame in enumerate(container.decode(video=0)):
            if index % step == 0:
                image = frame.to_image()  # type: ignore[no-untyped-call]
                image.thumbnail((_MAX_SIZE_PX, _MAX_SIZE_PX))
                pictures.append(image.quantize(_NUM_COLOURS))
            if len(pictures) == _MAX_FRAMES:
                break
    return pictures, rate / step
