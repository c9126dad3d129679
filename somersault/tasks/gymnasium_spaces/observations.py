"""Reads an observation space of Gymnasium: which parts are pictures, which are numbers, and what a policy sees of them.

Gymnasium is imported only when a space is read. Shapes: C planes or colours, H x W pixels, N stacked pictures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from somersault.tasks.gymnasium_spaces.texts import counted, unusable

__all__ = ["Leaf", "ObservationReading", "PictureAxes", "leaves_of", "picture_axes", "read_observations"]

_MAX_NUMBERS = (
    4096  # a longer vector is a picture or a table in disguise, and a policy without convolutions too large
)
_MIN_PICTURE_PX = 16  # a shorter axis is colours or a stack, or the array isn't a picture
_COLOURS = 3
_PICTURE_SHAPE = (
    84,
    84,
)  # Mnih et al. 2015, methods: pictures as game-playing policies have taken them since
_PICTURE_FRAMES = 4
_KINDS = (
    f"1 to {_MAX_NUMBERS} numbers, one picture (height x width, with colours or stacked, before or after, each side "
    f"{_MIN_PICTURE_PX} or more, uint8 or within 0 and 1 or 255) or both, in Dict and Tuple too"
)
_WRAP = "wrap the environment in gymnasium.wrappers.TransformObservation or FilterObservation that makes it one of these"


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureAxes:
    """The axes of a picture; None for an axis that it doesn't have."""

    stack: int | None = None
    colours: int | None = None
    """The axis of colours, or of planes that aren't known to be a stack."""


_AXES = {
    (True, True): PictureAxes(),
    (True, True, False): PictureAxes(colours=2),
    (False, True, True): PictureAxes(colours=0),
    (False, True, True, False): PictureAxes(stack=0, colours=3),
    (False, False, True, True): PictureAxes(stack=0, colours=1),
}
"""By which axes are large enough for those of pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A space that contains no others, and its path within those that do."""

    path: tuple[Any, ...]
    space: Any

    def value_of(self, observation: Any) -> Any:
        """Return its part of an observation of the whole space."""
        for key in self.path:
            observation = observation[key]
        return observation


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationReading:
    """What a policy sees of a space; see `TaskSpec`."""

    frame_shape: tuple[int, ...]
    num_frames: int = 1
    num_planes: int = 1
    num_numbers: int = 0
    text: str
    """The same in words."""


def read_observations(space: Any, *, is_stacked: bool = False) -> ObservationReading:
    """Return what a policy sees of a space.

    Args:
        space: of `gymnasium.spaces`.
        is_stacked: whether its first axis is known to be a stack of pictures, so that three of them aren't colours.

    Raises:
        InvalidInputError: the space isn't supported.
    """
    from gymnasium import spaces

    leaves = list(leaves_of(space))
    unusable_kinds = (spaces.Text, spaces.Graph, spaces.Sequence, spaces.OneOf)
    if any(isinstance(leaf.space, unusable_kinds) or not leaf.space.is_np_flattenable for leaf in leaves):
        raise unusable("observation space", space, f"{_KINDS}; {_WRAP}")
    pictures = [leaf for leaf in leaves if picture_axes(leaf.space) is not None]
    numbers = sum(int(spaces.flatdim(leaf.space)) for leaf in leaves if leaf not in pictures)
    if len(pictures) > 1 or numbers > _MAX_NUMBERS or not (pictures or numbers):
        raise unusable("observation space", space, f"{_KINDS}; {_WRAP}")
    if not pictures:
        return ObservationReading(frame_shape=(numbers,), text=_text_of_numbers(numbers, space))
    return _read_picture(pictures[0].space, num_numbers=numbers, is_stacked=is_stacked)


def leaves_of(space: Any, path: tuple[Any, ...] = ()) -> Iterator[Leaf]:
    """Yield the spaces within a Dict or Tuple, nested ones too, in order; any other space is its own only leaf."""
    from gymnasium import spaces

    if isinstance(space, spaces.Dict):
        inner: list[tuple[Any, Any]] = list(space.spaces.items())
    elif isinstance(space, spaces.Tuple):
        inner = list(enumerate(space.spaces))
    else:
        yield Leaf(path=path, space=space)
        return
    for key, each in inner:
        yield from leaves_of(each, (*path, key))


def picture_axes(space: Any) -> PictureAxes | None:
    """Return how a space's observations are pictures; None if they are not."""
    from gymnasium import spaces

    if not isinstance(space, spaces.Box) or not _has_levels(space):
        return None
    axes = _AXES.get(tuple(length >= _MIN_PICTURE_PX for length in space.shape))
    if axes is None or axes.stack is None or axes.colours is None:
        return axes
    return axes if space.shape[axes.colours] in (1, _COLOURS) else None


def _has_levels(space: Any) -> bool:
    """Return whether the numbers of a Box are those of pictures: bytes, or all between 0 and 1 or 255."""
    if space.dtype == np.uint8:
        return True
    is_real = np.issubdtype(space.dtype, np.floating)
    return bool(
        np.all(space.low == 0) and (np.all(space.high == 255) or (is_real and np.all(space.high == 1)))
    )


def _read_picture(space: Any, *, num_numbers: int, is_stacked: bool) -> ObservationReading:
    axes = picture_axes(space)
    assert axes is not None
    num_planes = 1
    if axes.stack is not None:
        num_planes = space.shape[axes.stack]
    elif axes.colours is not None and (space.shape[axes.colours] != _COLOURS or is_stacked):
        num_planes = space.shape[axes.colours]
    num_frames = _PICTURE_FRAMES if num_planes == 1 else 1
    height, width = _PICTURE_SHAPE
    what = (
        f"the {num_frames} newest pictures"
        if num_planes == 1
        else f"{num_planes} pictures at once, as they come"
    )
    beside = f", and {counted(num_numbers, 'number')} beside the newest" if num_numbers else ""
    return ObservationReading(
        frame_shape=_PICTURE_SHAPE,
        num_frames=num_frames,
        num_planes=num_planes,
        num_numbers=num_numbers,
        text=f"{what}, grey, {height} x {width} (the environment's are {space.shape}){beside}",
    )


def _text_of_numbers(length: int, space: Any) -> str:
    from gymnasium import spaces

    if isinstance(space, spaces.Box):
        return counted(length, "number") + (
            f", flattened from {space.shape}" if len(space.shape) != 1 else ""
        )
    choices = (spaces.Discrete, spaces.MultiDiscrete)
    has_choices = any(isinstance(leaf.space, choices) for leaf in leaves_of(space))
    how = "; a choice among n as n numbers, one of them 1" if has_choices else ""
    return f"{counted(length, 'number')}, flattened by gymnasium.spaces.flatten{how}"
