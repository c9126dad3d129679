"""The one reader of a safetensors header."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.numpy

from somersault.errors import CorruptDataError
from somersault.formats.safetensors import encode, read_header

ARRAYS = {"b": np.zeros((2, 3), np.float32), "a": np.arange(4, dtype=np.int32)}


def _with_header(header: bytes) -> bytes:
    return len(header).to_bytes(8, "little") + header


def test_what_is_written_is_read() -> None:
    """Arrays are described, metadata are JSON, and the library reads the same."""
    data = encode(ARRAYS, {"number": 1.5, "name": "x"})
    header = read_header(data, what="object")
    assert header.arrays["b"]["shape"] == [2, 3]
    assert header.read_json_metadata() == {"number": 1.5, "name": "x"}
    assert header.num_array_bytes == 2 * 3 * 4 + 4 * 4
    np.testing.assert_array_equal(safetensors.numpy.load(data)["a"], ARRAYS["a"])


def test_the_same_gives_the_same_bytes() -> None:
    """Whatever order names come in."""
    metadata = {name: name for name in "zyxwv"}
    backwards = dict(reversed(ARRAYS.items())), dict(reversed(metadata.items()))
    assert encode(ARRAYS, metadata) == encode(*backwards)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "header of 0 bytes in 0 bytes"),
        (b"\x05\0\0", "header of 5 bytes in 3 bytes"),
        (b"\xff" * 8 + b"{}", "header of 18446744073709551615 bytes"),
        (((1 << 20) + 1).to_bytes(8, "little") + b" " * ((1 << 20) + 1), "header of 1048577 bytes"),
        (_with_header(b"{"), "header is not JSON"),
        (_with_header(b"[" * 100_000), "header is not JSON"),
        (_with_header(b"[]"), "header is not a JSON object"),
        (_with_header(b'{"__metadata__": []}'), "metadata is not an object of texts"),
        (_with_header(b'{"__metadata__": {"a": 1}}'), "metadata is not an object of texts"),
    ],
)
def test_anything_else_is_corrupt(data: bytes, reason: str) -> None:
    """Nothing of the size that is claimed is made first."""
    with pytest.raises(CorruptDataError, match=f"^object: {reason}"):
        read_header(data, what="object")


def test_metadata_that_are_not_json_are_corrupt() -> None:
    """Only where JSON is asked for."""
    data = _with_header(json.dumps({"__metadata__": {"a": "{"}}).encode())
    header = read_header(data, what="object")
    assert header.metadata == {"a": "{"}
    with pytest.raises(CorruptDataError, match="metadata values are not JSON"):
        header.read_json_metadata()


@pytest.mark.parametrize(
    "header", [b'{"a":{},"a":{}}', b'{"__metadata__":{"x":"1","x":"2"}}', b'{"a":' * 20_000, b"[" * 20_000]
)
def test_a_header_that_readers_take_differently_is_refused(header: bytes) -> None:
    """Names that come twice, and what is nested beyond reading."""
    with pytest.raises(CorruptDataError, match="header is not JSON, or names something twice"):
        read_header(len(header).to_bytes(8, "little") + header, what="it")
