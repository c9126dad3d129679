"""Reads observations as elements of the space that was declared for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

__all__ = ["SpaceMismatchError", "observation_reader"]

Reader = Callable[[Any], Any]


class SpaceMismatchError(Exception):
    """How an observation differs from its space: "has shape (5,), must be (4,)"; callers add whose it is."""


def observation_reader(space: spaces.Space[Any]) -> Reader:
    """Return a function from an observation to an element of a space.

    It raises `SpaceMismatchError` if the observation isn't an element and can't be converted to one without
    loss, or isn't finite. The bounds of a `Box` aren't enforced: they are often too narrow, and nothing
    depends on them.
    """
    return _reader(space, "")


def _reader(space: spaces.Space[Any], place: str) -> Reader:
    """Return the reader of a space at ``place`` within a larger one, such as "['camera']"."""
    if isinstance(space, spaces.Box):
        return _box_reader(space, place)
    if isinstance(space, spaces.Dict):
        return _mapping_reader(
            {name: _reader(part, f"{place}[{name!r}]") for name, part in space.items()}, place
        )
    if isinstance(space, spaces.Tuple):
        return _tuple_reader([_reader(part, f"{place}[{index}]") for index, part in enumerate(space)], place)
    if isinstance(space, spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        return _whole_reader(space, place)
    return _other_reader(space, place)


def _box_reader(space: spaces.Box, place: str) -> Reader:
    dtype, shape, is_real = space.dtype, space.shape, space.dtype.kind == "f"

    def read(seen: Any) -> NDArray[Any]:
        if type(seen) is not np.ndarray or seen.dtype != dtype:
            seen = _converted(seen, dtype, shape, place)
        if seen.shape != shape:
            raise _mismatch(place, f"has shape {seen.shape}, must be {shape}")
        if is_real and not np.isfinite(_as_learned(seen)).all():
            index = tuple(np.argwhere(~np.isfinite(_as_learned(seen)))[0].tolist())
            at = place + (f"[{', '.join(map(str, index))}]" if index else "")
            bound = "within what float32 holds" if np.isfinite(seen[index]) else "finite"
            raise SpaceMismatchError(f"is {seen[index]}{' at ' + at if at else ''}, must be {bound}")
        array: NDArray[Any] = seen
        return array

    return read


def _as_learned(seen: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as they are learned from: as float32, in which anything beyond 3.4e38 is infinite."""
    if seen.itemsize <= np.dtype(np.float32).itemsize:
        return seen
    with np.errstate(over="ignore"):
        return seen.astype(np.float32)


def _converted(seen: Any, dtype: np.dtype[Any], shape: tuple[int, ...], place: str) -> NDArray[Any]:
    """Return an observation as an array of its space's element type, which must hold all of it."""
    bound = f"{dtype} of shape {shape}"
    try:
        array = np.asarray(seen)
    except ValueError:
        raise _mismatch(place, f"is a ragged {type(seen).__name__}, must be {bound}") from None
    is_number = array.dtype.kind in ("biuf" if dtype.kind == "f" else "biu")
    if not is_number:
        found = f"is {seen!r:.40}" if array.dtype.kind == "O" else f"has element type {array.dtype}"
        raise _mismatch(place, f"{found}, must be {bound}")
    with np.errstate(over="ignore"):  # what becomes infinite is reported as such
        converted = array.astype(dtype)
    if dtype.kind != "f" and not np.array_equal(converted, array):
        raise _mismatch(place, f"is {array.min()} to {array.max()}, must be within {dtype}")
    return converted


def _whole_reader(space: Any, place: str) -> Reader:
    """Return the reader of one choice, or of an array of them."""
    shape = space.shape or ()

    def read(seen: Any) -> Any:
        array = _array_of(seen)
        if array is None or array.dtype.kind not in "biu" or array.size != max(1, int(np.prod(shape))):
            raise _mismatch(place, f"is {seen!r:.60}, must be of {space}")
        element = array.reshape(shape).astype(space.dtype)
        element = space.dtype.type(element) if not shape else element
        if not space.contains(element):
            raise _mismatch(place, f"is {seen!r:.60}, must be of {space}")
        return element

    return read


def _array_of(seen: Any) -> NDArray[Any] | None:
    try:
        return np.asarray(seen)
    except ValueError:  # lists of different lengths
        return None


def _mapping_reader(parts: Mapping[str, Reader], place: str) -> Reader:
    def read(seen: Any) -> dict[str, Any]:
        if not isinstance(seen, Mapping) or seen.keys() != parts.keys():
            found = sorted(map(str, seen)) if isinstance(seen, Mapping) else f"a {type(seen).__name__}"
            raise _mismatch(place, f"has {found}, must be a dict of {sorted(parts)}")
        return {name: part(seen[name]) for name, part in parts.items()}

    return read


def _tuple_reader(parts: Sequence[Reader], place: str) -> Reader:
    def read(seen: Any) -> tuple[Any, ...]:
        if not isinstance(seen, Sequence) or len(seen) != len(parts):
            raise _mismatch(place, f"is a {type(seen).__name__}, must be {len(parts)} parts")
        return tuple(part(each) for part, each in zip(parts, seen, strict=True))

    return read


def _other_reader(space: spaces.Space[Any], place: str) -> Reader:
    def read(seen: Any) -> Any:
        if not space.contains(seen):
            raise _mismatch(place, f"is {seen!r:.60}, must be of {space}")
        return seen

    return read


def _mismatch(place: str, what: str) -> SpaceMismatchError:
    return SpaceMismatchError(f"{what}, at {place}" if place else what)
