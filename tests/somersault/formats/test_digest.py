"""Stored safetensors carry a digest of themselves: any bit that changes is found, whatever store they are in."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

from somersault.errors import CorruptDataError
from somersault.formats import sealed
from somersault.formats.safetensors import encode, load_arrays
from somersault.formats.sealed import SealedPart

ARRAYS = {
    "observations": np.arange(6, dtype=np.float32).reshape(3, 2),
    "actions": np.zeros((3, 1), np.float32),
}
SEGMENT = encode(ARRAYS, {"format": "somersault.segment/1", "task": "pendulum", "step_s": 0.05})
POLICY = encode(ARRAYS, {})
SEALED = sealed.encode(
    SealedPart(
        segment_id="s",
        true_rewards=np.ones(3, np.float32),
        recent_segment_return_mean=1.0,
        recent_segment_return_std=0.5,
    ),
    task="pendulum",
)


@pytest.mark.parametrize("data", [SEGMENT, POLICY, SEALED], ids=["segment", "policy", "sealed part"])
def test_each_single_changed_bit_is_found(data: bytes) -> None:
    """In the length, the header, the digest and its name, and the arrays: thousands of them, every time."""
    load_arrays(data, what="object")
    for at in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            with pytest.raises(CorruptDataError):
                load_arrays(bytes(changed), what="object")


@pytest.mark.parametrize("length", [0, 7, 8, 100, -8, -1])
def test_what_is_cut_short_is_found(length: int) -> None:
    """Half an upload."""
    with pytest.raises(CorruptDataError):
        load_arrays(SEGMENT[:length], what="object")


def test_what_is_appended_is_found() -> None:
    """A mixture of two objects."""
    with pytest.raises(CorruptDataError):
        load_arrays(SEGMENT + bytes(8), what="object")


def test_objects_of_before_are_read_as_they_are() -> None:
    """They have no digest."""
    old = safetensors.numpy.save(ARRAYS, metadata={"format": '"somersault.segment/1"', "task": '"pendulum"'})
    np.testing.assert_array_equal(load_arrays(old, what="object")["observations"], ARRAYS["observations"])


def test_a_program_of_before_reads_objects_with_one() -> None:
    """Their metadata values are JSON, one more or less, and the arrays are the same."""
    header = json.loads(SEGMENT[8 : 8 + int.from_bytes(SEGMENT[:8], "little")])
    metadata = {name: json.loads(text) for name, text in header["__metadata__"].items()}
    assert metadata.keys() - {"object_sha256"} == {"format", "task", "step_s"}
    np.testing.assert_array_equal(safetensors.numpy.load(SEGMENT)["observations"], ARRAYS["observations"])
