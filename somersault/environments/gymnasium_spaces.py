"""Turns a Gymnasium environment's observations into frames (`somersault.tasks.gymnasium_spaces.observations`).

Shapes: O observation, C planes of H height and W width, V numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from somersault.domain.packing import pack
from somersault.tasks import Task
from somersault.tasks.gymnasium_spaces.observations import (
    Leaf,
    PictureAxes,
    leaves_of,
    picture_axes,
    read_observations,
)
from somersault.tasks.gymnasium_spaces.texts import unusable

__all__ = ["area_means", "fit", "frame_maker", "shrink"]

_MAX_SMALL_FACTOR = 16  # 16 x 16 x 255 fits into 16 bits
_LUMA = np.float32(0.299), np.float32(0.587), np.float32(0.114)  # ITU-R BT.601, section 2.5.1
_MAX_LEVEL = 255


def frame_maker(space: Any, task: Task) -> Callable[[Any], NDArray[Any]]:
    """Return a function from an observation to a frame: float32 ``[O]``, or uint8, packed if it is more than a picture.

    Raises:
        InvalidInputError: The space is of an unsupported kind, or isn't as the task declares it.
    """
    read = read_observations(space)
    leaves = list(leaves_of(space))
    pictures = [leaf for leaf in leaves if picture_axes(leaf.space) is not None]
    others = [leaf for leaf in leaves if leaf not in pictures]
    if not pictures:
        _check(space, task, (read.frame_shape, 1, 0))
        return lambda seen: np.asarray(spaces.flatten(space, seen), np.float32)
    num_seen = _num_planes(pictures[0], task)
    _check(
        space, task, (task.frame_shape if len(task.frame_shape) == 2 else (0, 0), num_seen, read.num_numbers)
    )
    to_planes = _planes_maker(pictures[0], task)
    if task.spec.stored_shape == task.frame_shape:
        return lambda seen: to_planes(seen)[0]
    return lambda seen: pack(to_planes(seen), _numbers(others, seen))


def _num_planes(picture: Leaf, task: Task) -> int:
    """Return C: what the task declares if colours may be kept apart or made grey, otherwise as many as there are."""
    axes, shape = picture_axes(picture.space), picture.space.shape
    assert axes is not None
    if axes.stack is not None:
        return int(shape[axes.stack])
    num_colours = 1 if axes.colours is None else int(shape[axes.colours])
    return (
        task.num_planes if num_colours == len(_LUMA) and task.num_planes in (1, num_colours) else num_colours
    )


def _planes_maker(picture: Leaf, task: Task) -> Callable[[Any], NDArray[np.uint8]]:
    """Return a function from an observation to its picture's planes ``[C, H, W]``."""
    axes = picture_axes(picture.space)
    assert axes is not None
    height, width = task.frame_shape
    scale = _MAX_LEVEL if np.all(picture.space.high == 1) and picture.space.dtype != np.uint8 else 1

    def to_planes(seen: Any) -> NDArray[np.uint8]:
        planes = _planes(np.asarray(picture.value_of(seen)), axes, num_planes=task.num_planes)
        shrunk = (area_means(area_means(plane.T, width).T, height) * scale for plane in planes)
        return np.stack([np.rint(each) for each in shrunk]).clip(0, _MAX_LEVEL).astype(np.uint8)

    return to_planes


def _planes(picture: NDArray[Any], axes: PictureAxes, *, num_planes: int) -> NDArray[np.float32]:
    """Return a picture's planes ``[C, H, W]`` in its own size: colours made grey, or kept apart if that many are asked for."""
    if axes.stack is not None:
        inner = None if axes.colours is None else axes.colours - 1
        of_one = PictureAxes(colours=inner)
        return np.concatenate([_planes(each, of_one, num_planes=1) for each in picture])
    if axes.colours is None:
        return picture[None].astype(np.float32)
    colours = np.moveaxis(picture, axes.colours, 0)
    if len(colours) == num_planes:
        return colours.astype(np.float32)
    red, green, blue = (colour * luma for colour, luma in zip(colours, _LUMA, strict=True))
    grey: NDArray[np.float32] = red + green + blue
    return grey[None].astype(np.float32, copy=False)


def _numbers(leaves: list[Leaf], seen: Any) -> NDArray[np.float32]:
    """Return ``[V]``: the numbers beside the picture, one component after the other."""
    parts = [spaces.flatten(leaf.space, leaf.value_of(seen)) for leaf in leaves]
    return np.concatenate([np.zeros(0, np.float32), *parts]).astype(np.float32)


def area_means(values: NDArray[np.floating[Any]], num_to: int) -> NDArray[np.float64]:
    """Resample ``[H, W]`` to ``num_to`` rows, each the mean of what it covers, with partial rows weighted.

    It is the difference of running sums at the new rows' edges: faster than a matrix product, whose threads
    get in each other's way when every lane makes a small one.
    """
    num_from = len(values)
    edges = np.linspace(0, num_from, num_to + 1)
    whole = np.minimum(edges.astype(np.intp), num_from - 1)
    sums = np.zeros((num_from + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    at_edges = sums[whole] + (edges - whole)[:, None] * values[whole]
    return np.diff(at_edges, axis=0) * (num_to / num_from)


def shrink(picture: NDArray[np.uint8], *, max_px: int) -> NDArray[np.uint8]:
    """Return a copy of a picture ``[H, W, 3]``, shrunk by a whole factor if it is higher or wider than allowed.

    What doesn't fill a last pixel, at the right and at the bottom, is cut off.
    """
    factor = -(-max(picture.shape[:2]) // max_px)
    if factor == 1:
        return picture.copy()
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    cut = picture[: height * factor, : width * factor]
    # Summed over strided views: ten times as fast as a mean over reshaped axes.
    total = np.zeros((height, width, 3), np.uint16 if factor <= _MAX_SMALL_FACTOR else np.uint32)
    for row, column in np.ndindex(factor, factor):
        total += cut[row::factor, column::factor]
    small: NDArray[np.uint8] = (total // factor**2).astype(np.uint8)
    return small


def fit(picture: NDArray[np.uint8], sides: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a picture ``[H, W, 3]`` with the sides ``(H, W)``: the same, or scaled to fit and centred on black."""
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


def _check(space: Any, task: Task, found: tuple[tuple[int, ...], int, int]) -> None:
    """Check the sizes of the observation against the task's.

    Raises:
        InvalidInputError: They differ.
    """
    if found != (task.frame_shape, task.num_planes, task.num_numbers):
        shape = (
            f"frame_shape {task.frame_shape}, num_planes {task.num_planes}, num_numbers {task.num_numbers}"
        )
        raise unusable("observation space", space, f"as the task declares it: {shape}")
