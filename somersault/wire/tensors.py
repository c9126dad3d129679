"""Arrays to messages and back, with element type, shape, size and values checked on the way in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from somersault.errors import InvalidInputError
from somersault.v1 import trajectory_pb2

__all__ = ["array_from_tensor", "check_magnitude", "tensor_from_array"]

_MAX_AXES = 8

_DTYPES: dict[int, np.dtype[Any]] = {
    trajectory_pb2.ELEMENT_TYPE_FLOAT32: np.dtype("<f4"),
    trajectory_pb2.ELEMENT_TYPE_FLOAT64: np.dtype("<f8"),
    trajectory_pb2.ELEMENT_TYPE_INT32: np.dtype("<i4"),
    trajectory_pb2.ELEMENT_TYPE_INT64: np.dtype("<i8"),
    trajectory_pb2.ELEMENT_TYPE_UINT8: np.dtype("u1"),
    trajectory_pb2.ELEMENT_TYPE_BOOL: np.dtype("?"),
}
_ELEMENT_TYPES = {dtype: element_type for element_type, dtype in _DTYPES.items()}


def tensor_from_array(array: npt.NDArray[Any]) -> trajectory_pb2.Tensor:
    """Return the message of an array of one of the six element types."""
    element_type = _ELEMENT_TYPES.get(array.dtype.newbyteorder("<"))
    if element_type is None:
        raise InvalidInputError("dtype", str(array.dtype), f"one of {sorted(map(str, _ELEMENT_TYPES))}")
    little_endian = np.ascontiguousarray(array, dtype=_DTYPES[element_type])
    return trajectory_pb2.Tensor(
        data=little_endian.tobytes(),
        element_type=element_type,  # type: ignore[arg-type]
        shape=array.shape,
    )


def array_from_tensor(
    field: str,
    tensor: trajectory_pb2.Tensor,
    *,
    dtype: npt.DTypeLike = np.float32,
    shape: tuple[int | None, ...] | None = None,
    bound: float = math.inf,
) -> npt.NDArray[Any]:
    """Return a read-only view of a message's data.

    Args:
        field: What to call it in errors.
        tensor: The message.
        dtype: The element type it must have.
        shape: The length of each axis, None for any length; None instead of a shape for any shape.
        bound: The largest magnitude of a float.

    Raises:
        InvalidInputError: the element type, the number of axes, a length, or the number of bytes differs,
            or a float is not finite or past its bound.
    """
    actual = _DTYPES.get(tensor.element_type)
    if actual != np.dtype(dtype):
        raise InvalidInputError(f"{field}.element_type", str(actual), str(np.dtype(dtype)))
    axes = tuple(tensor.shape)
    if len(axes) > _MAX_AXES or any(length < 0 for length in axes):
        raise InvalidInputError(f"{field}.shape", axes, f"at most {_MAX_AXES} axes of length 0 or more")
    if shape is not None and not _fits(axes, shape):
        raise InvalidInputError(f"{field}.shape", axes, str(shape).replace("None", "any"))
    num_bytes = math.prod(axes) * actual.itemsize
    if len(tensor.data) != num_bytes:
        raise InvalidInputError(f"{field}.data", f"{len(tensor.data)} bytes", f"{num_bytes} bytes")
    array = np.frombuffer(tensor.data, dtype=actual).reshape(axes)
    if actual.kind == "f":
        check_magnitude(field, array, bound=bound)
    return array


def check_magnitude(field: str, array: npt.NDArray[Any], *, bound: float) -> None:
    """Check that all floats are finite and none is past a bound.

    Raises:
        InvalidInputError: one isn't, or is.
    """
    if not np.isfinite(array).all():
        raise InvalidInputError(f"{field} has a value that is not finite")
    if array.size and (largest := float(np.abs(array).max())) > bound:
        raise InvalidInputError(f"largest magnitude in {field}", largest, f"at most {bound:g}")


def _fits(axes: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(axes) == len(shape) and all(
        want is None or have == want for have, want in zip(axes, shape, strict=True)
    )
