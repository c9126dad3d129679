"""Pictures of an environment, compressed without loss so that a thousand segments fit into memory.

Few pixels of a picture differ from the one before. So the first of every eight pictures is kept whole and the
others as differences modulo 256, all eight compressed together. A segment holds whole groups of eight, even
if it begins or ends within one; pictures that aren't its own are numbered -1.

Shapes: K pictures, C groups, B bytes, H height and W width of a picture.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from somersault.errors import CorruptDataError
from somersault.tasks import Task

__all__ = ["GymnasiumFootage", "PictureReel", "decode_pictures", "footage_layout"]

Arrays = Mapping[str, NDArray[Any]]
Picture = NDArray[np.uint8]

_GROUP = 8  # pictures; larger groups compress a little better, but segments then carry more that isn't theirs
_LEVEL = 1  # differences are mostly zeros: higher levels of zlib take three times as long for a tenth less
_MAX_SIDE_PX = 2048
_NOT_OWN = -1


def footage_layout(task: Task) -> Mapping[str, tuple[str, tuple[int | None, ...]]]:
    """Return name, safetensors dtype and shape of what is stored of a segment.

    ``groups`` are the groups' zlib streams end to end, ``group_bytes`` their lengths, ``group_pictures`` how
    many pictures each holds, ``picture_steps`` the step of the segment that each picture is of, or -1,
    ``picture_shape`` height, width and 3.
    """
    del task  # all environments are recorded alike
    return {
        "groups": ("U8", (None,)),
        "group_bytes": ("I64", (None,)),
        "group_pictures": ("I64", (None,)),
        "picture_steps": ("I64", (None,)),
        "picture_shape": ("I64", (3,)),
    }


@dataclass(frozen=True, slots=True)
class _Group:
    """A few consecutive pictures."""

    data: bytes
    steps: Sequence[int]
    """Steps of the passage before which they were taken."""


@dataclass(slots=True)
class PictureReel:
    """Collects the pictures of one environment over one passage; not thread-safe."""

    shape: tuple[int, ...] = (0, 0, 3)
    groups: list[_Group] = field(default_factory=list)
    _steps: list[int] = field(default_factory=list)
    _pictures: list[Picture] = field(default_factory=list)

    def add(self, picture: Picture, *, step: int) -> None:
        """Add the picture ``[H, W, 3]`` of the moment before a step."""
        self.shape = picture.shape
        self._steps.append(step)
        self._pictures.append(picture)
        if len(self._pictures) == _GROUP:
            self.end()

    def end(self) -> None:
        """Compress what isn't yet a group."""
        if self._pictures:
            pictures = np.stack(self._pictures)
            pictures[1:] -= pictures[:-1].copy()
            self.groups.append(_Group(zlib.compress(pictures.data, _LEVEL), tuple(self._steps)))
            self._steps, self._pictures = [], []


@dataclass(frozen=True, slots=True)
class GymnasiumFootage:
    """The pictures of one passage; a `Footage`."""

    reels: Sequence[PictureReel]
    """One for each recorded environment."""

    def part(self, row: int, begin: int, end: int) -> Arrays:
        """Return what `join` takes: the arrays of `footage_layout`, and ``num_steps``."""
        reel = self.reels[row]
        groups = [group for group in reel.groups if group.steps[0] < end and group.steps[-1] >= begin]
        steps = [
            step - begin if begin <= step < end else _NOT_OWN for group in groups for step in group.steps
        ]
        return {
            "groups": np.frombuffer(b"".join(group.data for group in groups), np.uint8),
            "group_bytes": np.array([len(group.data) for group in groups], np.int64),
            "group_pictures": np.array([len(group.steps) for group in groups], np.int64),
            "picture_steps": np.array(steps, np.int64),
            "picture_shape": np.array(reel.shape, np.int64),
            "num_steps": np.array(end - begin),
        }

    def join(self, parts: Sequence[Arrays]) -> Arrays:
        """Return the arrays of `footage_layout` for consecutive parts."""
        begin, steps = 0, []
        for part in parts:
            own = part["picture_steps"]
            steps.append(np.where(own == _NOT_OWN, own, own + begin))
            begin += int(part["num_steps"])
        joined = {
            name: np.concatenate([part[name] for part in parts])
            for name in ("groups", "group_bytes", "group_pictures")
        }
        # A passage shorter than the time between two pictures may have none, and no shape.
        shape = np.max([part["picture_shape"] for part in parts], axis=0)
        return joined | {"picture_steps": np.concatenate(steps), "picture_shape": shape}


def decode_pictures(footage: Arrays) -> Iterator[tuple[int, Picture]]:
    """Yield each picture ``[H, W, 3]`` with its step, -1 for those of other segments.

    Raises:
        CorruptDataError: The arrays don't fit together.
    """
    shape = tuple(footage["picture_shape"].tolist())
    if shape[2] != 3 or not all(1 <= side <= _MAX_SIDE_PX for side in shape[:2]):
        raise CorruptDataError(
            f"shape of pictures is {shape}, must be 1 to {_MAX_SIDE_PX} high and wide and 3 deep"
        )
    lengths, counts, steps = footage["group_bytes"], footage["group_pictures"], footage["picture_steps"]
    if len(lengths) != len(counts) or lengths.sum() != len(footage["groups"]) or counts.sum() != len(steps):
        raise CorruptDataError("groups of pictures don't match the numbers of their bytes and pictures")
    if len(counts) and not (lengths.min() >= 0 and counts.min() >= 1 and counts.max() <= _GROUP):
        raise CorruptDataError(f"groups hold {counts.tolist()} pictures, must hold 1 to {_GROUP}")
    begin, numbers = 0, iter(steps.tolist())
    for length, count in zip(lengths.tolist(), counts.tolist(), strict=True):
        group = _decode_group(footage["groups"][begin : begin + length].tobytes(), (count, *shape))
        begin += length
        yield from ((next(numbers), picture) for picture in group)


def _decode_group(data: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Return a group's pictures; no more is decompressed than they can take.

    Raises:
        CorruptDataError: The bytes aren't such a group.
    """
    size = int(np.prod(shape))
    try:
        pixels = zlib.decompressobj().decompress(data, size + 1)
    except zlib.error as err:
        raise CorruptDataError("a group of pictures can't be decompressed") from err
    if len(pixels) != size:
        raise CorruptDataError(f"a group of pictures holds {len(pixels)} bytes, must hold {size}")
    return np.cumsum(np.frombuffer(pixels, np.uint8).reshape(shape), axis=0, dtype=np.uint8)
