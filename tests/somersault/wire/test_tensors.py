"""Arrays to messages and back."""

from __future__ import annotations

import numpy as np
import pytest

from somersault import wire
from somersault.errors import InvalidInputError
from somersault.v1 import trajectory_pb2


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_])
def test_tensor_keeps_every_element_type(dtype: type) -> None:
    """Each of the six element types comes back as it went."""
    array = np.array([[0, 1, 1], [1, 0, 1]], dtype=dtype)
    restored = wire.array_from_tensor("x", wire.tensor_from_array(array), dtype=dtype)
    assert restored.dtype == array.dtype
    np.testing.assert_array_equal(restored, array)


def test_tensor_is_little_endian_row_major() -> None:
    """The wire format does not depend on how the array lies in memory."""
    array = np.array([[1, 2], [3, 4]], dtype=">i4").T
    tensor = wire.tensor_from_array(array)
    assert list(tensor.data) == [1, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0]


def test_scalar_has_no_axes() -> None:
    """A tensor without axes holds one element."""
    tensor = wire.tensor_from_array(np.array(2.5, np.float32))
    assert wire.array_from_tensor("x", tensor, shape=()) == 2.5


def test_array_from_tensor_is_read_only() -> None:
    """Nobody writes into received bytes."""
    array = wire.array_from_tensor("x", wire.tensor_from_array(np.zeros(3, np.float32)))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_unknown_dtype_is_refused() -> None:
    """What has no element type can't be sent."""
    with pytest.raises(InvalidInputError, match="float16"):
        wire.tensor_from_array(np.zeros(1, np.float16))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"element_type": trajectory_pb2.ELEMENT_TYPE_UNSPECIFIED}, "x.element_type"),
        ({"element_type": trajectory_pb2.ELEMENT_TYPE_INT32}, "x.element_type"),
        ({"shape": [3, 2]}, "x.shape"),
        ({"shape": [2, 3, 1]}, "x.shape"),
        ({"shape": [-2, -3]}, "x.shape"),
        ({"shape": [1] * 9}, "x.shape"),
        ({"data": b"\0" * 23}, "x.data is '23 bytes', must be 24 bytes"),
        ({"data": b"\0" * 25}, "x.data"),
        ({"data": np.float32([np.nan] * 6).tobytes()}, "x has a value that is not finite"),
        ({"data": np.float32([0, 0, np.inf, 0, 0, 0]).tobytes()}, "not finite"),
    ],
)
def test_tensor_that_does_not_fit_is_refused(change: dict[str, object], told: str) -> None:
    """Type, axes, size and values are checked, and the error names what is wrong."""
    fields: dict[str, object] = {
        "data": b"\0" * 24,
        "element_type": trajectory_pb2.ELEMENT_TYPE_FLOAT32,
        "shape": [2, 3],
    }
    tensor = trajectory_pb2.Tensor(**{**fields, **change})
    with pytest.raises(InvalidInputError, match=told):
        wire.array_from_tensor("x", tensor, shape=(2, 3))


def test_huge_shape_is_refused_without_allocating() -> None:
    """A shape that multiplies past 64 bits is compared exactly."""
    tensor = trajectory_pb2.Tensor(
        data=b"", element_type=trajectory_pb2.ELEMENT_TYPE_FLOAT32, shape=[2**62, 4]
    )
    with pytest.raises(InvalidInputError, match=r"x\.data"):
        wire.array_from_tensor("x", tensor)


def test_none_in_shape_takes_any_length() -> None:
    """An open axis may have any length, zero too."""
    tensor = wire.tensor_from_array(np.zeros((0, 3), np.float32))
    assert wire.array_from_tensor("x", tensor, shape=(None, 3)).shape == (0, 3)
