"""A frame of several planes, or of a picture and numbers, as one array of bytes.

Planes, which are grey pictures of one size seen at once, are stacked vertically. The numbers follow below, as little-endian
float32 in as many rows of bytes as they need, the last padded with 0. So everything that carries frames carries these too.

Shapes: C planes of H x W pixels, V numbers, R rows that hold them, F frames; leading axes ``...`` are any.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["numbers_of", "pack", "planes_of", "stored_shape", "with_numbers"]

_FLOAT_BYTES = 4


def stored_shape(frame_shape: tuple[int, ...], *, num_planes: int, num_numbers: int) -> tuple[int, ...]:
    """Return the shape of a frame's array: ``(O,)`` of a vector, else ``(C * H + R, W)``.

    Args:
        frame_shape: ``(O,)``, or ``(H, W)`` of a plane.
        num_planes: C.
        num_numbers: V.
    """
    if len(frame_shape) == 1:
        return frame_shape
    height, width = frame_shape
    return num_planes * height + -(-_FLOAT_BYTES * num_numbers // width), width


def pack(planes: NDArray[np.uint8], numbers: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return planes ``[C, H, W]`` and numbers ``[V]`` as one frame ``[C * H + R, W]``."""
    width = planes.shape[-1]
    frame = np.zeros(
        stored_shape(planes.shape[1:], num_planes=len(planes), num_numbers=numbers.size), np.uint8
    )
    num_rows = len(planes) * planes.shape[1]
    frame[:num_rows] = planes.reshape(num_rows, width)
    data = np.ascontiguousarray(numbers, "<f4").view(np.uint8)
    frame[num_rows:].reshape(-1)[: data.size] = data
    return frame


def numbers_of(frames: NDArray[Any], *, num_numbers: int) -> NDArray[np.float32]:
    """Return the numbers ``[..., V]`` float32 of frames ``[..., C * H + R, W]`` uint8."""
    width = frames.shape[-1]
    num_rows = -(-_FLOAT_BYTES * num_numbers // width)
    # Lengths are explicit: without any frames -1 can't be inferred.
    flat = frames[..., frames.shape[-2] - num_rows :, :].reshape(*frames.shape[:-2], num_rows * width)
    flat = flat[..., : _FLOAT_BYTES * num_numbers]
    return np.ascontiguousarray(flat).view("<f4").astype(np.float32, copy=False)


def with_numbers(frames: NDArray[np.uint8], numbers: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return a copy of frames ``[..., C * H + R, W]`` that holds other numbers ``[..., V]``."""
    changed, width = frames.copy(), frames.shape[-1]
    data = np.ascontiguousarray(numbers, "<f4").view(np.uint8)
    num_rows = -(-data.shape[-1] // width)
    padding = [(0, 0)] * (data.ndim - 1) + [(0, num_rows * width - data.shape[-1])]
    changed[..., frames.shape[-2] - num_rows :, :] = np.pad(data, padding).reshape(
        *frames.shape[:-2], num_rows, width
    )
    return changed


def planes_of(stacks: NDArray[Any], *, frame_shape: tuple[int, ...], num_planes: int) -> NDArray[np.uint8]:
    """Return the planes ``[..., F * C, H, W]`` of stacks of frames ``[..., F, C * H + R, W]``, oldest frame first."""
    height, width = frame_shape
    planes: NDArray[np.uint8] = stacks[..., : num_planes * height, :].reshape(
        *stacks.shape[:-3], stacks.shape[-3] * num_planes, height, width
    )
    return planes
