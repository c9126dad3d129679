"""Turns what a Gymnasium environment shows into frames.

Shapes: O observation, H height and W width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from somersault.errors import InvalidInputError
from somersault.tasks import Task
from somersault.tasks.gymnasium import is_picture

__all__ = ["area_means", "fit", "frame_maker", "shrink"]

_MAX_SMALL_FACTOR = 16  # 16 x 16 x 255 fits into 16 bits
_LUMA = np.float32(0.299), np.float32(0.587), np.float32(0.114)  # ITU-R BT.601, section 2.5.1


def frame_maker(space: Any, task: Task) -> Callable[[Any], NDArray[Any]]:
    """Gives a function from an observation to a frame: uint8 ``[H, W]`` of a picture, else float32 ``[O]``.

    Raises:
        InvalidInputError: The space is not as the task declares it.
    """
    if not is_picture(space):
        _check("observation space", space, (int(spaces.flatdim(space)),), task.frame_shape)
        return lambda seen: np.asarray(spaces.flatten(space, seen), np.float32)
    if len(task.frame_shape) != 2:
        raise InvalidInputError("observation space", space, f"of frames of shape {task.frame_shape}")
    height, width = task.frame_shape

    def shrink_to_grey(seen: NDArray[np.uint8]) -> NDArray[np.uint8]:
        narrow = area_means(_grey(seen).T, width).T
        return np.rint(area_means(narrow, height)).astype(np.uint8)

    return shrink_to_grey


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Gives the brightness ``[H, W]`` of a picture ``[H, W]``, ``[H, W, 1]`` or ``[H, W, 3]``."""
    if picture.shape[2:] != (3,):
        return picture.reshape(picture.shape[:2]).astype(np.float32)
    red, green, blue = (picture[..., channel] * luma for channel, luma in enumerate(_LUMA))
    grey: NDArray[np.float32] = red + green + blue
    return grey


def area_means(values: NDArray[np.floating[Any]], num_to: int) -> NDArray[np.float64]:
    """Resamples the rows of ``[H, W]`` to so many, each the mean of what it covers, parts of rows counted in part.

    It is the difference of running sums at the new rows' edges: quicker than a matrix product, whose threads are
    in each other's way when every lane makes a small one.
    """
    num_from = len(values)
    edges = np.linspace(0, num_from, num_to + 1)
    whole = np.minimum(edges.astype(np.intp), num_from - 1)
    sums = np.zeros((num_from + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    at_edges = sums[whole] + (edges - whole)[:, None] * values[whole]
    return np.diff(at_edges, axis=0) * (num_to / num_from)


def shrink(picture: NDArray[np.uint8], *, max_px: int) -> NDArray[np.uint8]:
    """Gives a copy of a picture ``[H, W, 3]``, shrunk by a whole factor where it is higher or wider than allowed.

    What does not fill a last pixel, at the right and at the bottom, is cut off.
    """
    factor = -(-max(picture.shape[:2]) // max_px)
    if factor == 1:
        return picture.copy()
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    cut = picture[: height * factor, : width * factor]
    # Summed over strided views: ten times as quick as a mean over reshaped axes.
    total = np.zeros((height, width, 3), np.uint16 if factor <= _MAX_SMALL_FACTOR else np.uint32)
    for row, column in np.ndindex(factor, factor):
        total += cut[row::factor, column::factor]
    small: NDArray[np.uint8] = (total // factor**2).astype(np.uint8)
    return small


def fit(picture: NDArray[np.uint8], sides: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a picture ``[H, W, 3]`` of the sides ``(H, W)``: the same, or scaled to fit and set amid black."""
    if picture.shape[:2] == sides:
        return picture
    scale = min(to / side for to, side in zip(sides, picture.shape[:2], strict=True))
    height, width = (max(1, int(side * scale)) for side in picture.shape[:2])
    rows = np.arange(height) * picture.shape[0] // height
    columns = np.arange(width) * picture.shape[1] // width
    fitted = np.zeros((*sides, 3), np.uint8)
    top, left = (sides[0] - height) // 2, (sides[1] - width) // 2
    fitted[top : top + height, left : left + width] = picture[rows[:, None], columns]
    return fitted


def _check(field: str, space: Any, found: object, declared: object) -> None:
    """Checks a size of the space against the task's.

    Raises:
        InvalidInputError: They differ.
    """
    if found != declared:
        raise InvalidInputError(field, space, f"of size {declared}, as the task declares it")
