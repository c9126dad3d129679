"""What stands around the arrays of safetensors: the one reader of its header, and a writer of the same bytes each time.

Eight bytes say how long the header is. It is JSON: an entry for each array and, under ``__metadata__``, texts
(https://github.com/huggingface/safetensors#format).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from somersault.errors import CorruptDataError
from somersault.formats.strict_json import dump_json, load_json

__all__ = ["Header", "encode", "read_header"]

_LENGTH_BYTES = 8
_ALIGNMENT_BYTES = 8
_MAX_HEADER_BYTES = 1 << 20  # text about a few dozen arrays; more is an attack


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What comes before the arrays."""

    what: str
    """Whose header it is, in a word or two; error messages begin with it."""
    arrays: Mapping[str, Any]
    """``dtype``, ``shape`` and ``data_offsets`` of each array, by name."""
    metadata: Mapping[str, str]
    """Texts beside the arrays; empty where there are none."""
    num_array_bytes: int
    """Bytes that follow it."""

    def read_json_metadata(self) -> dict[str, Any]:
        """Return the metadata, each text read as JSON.

        Raises:
            CorruptDataError: one of them isn't JSON.
        """
        try:
            return {name: load_json(text) for name, text in self.metadata.items()}
        except (ValueError, RecursionError) as error:
            raise CorruptDataError(f"{self.what}: metadata values are not JSON") from error


def read_header(data: bytes, *, what: str) -> Header:
    """Return the header of safetensors, checked before anything of the size it claims is made.

    Args:
        data: The whole object.
        what: What it is, in a word or two, for error messages.

    Raises:
        CorruptDataError: There is no header, it is past its bound, or it isn't what it must be.
    """
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    end = _LENGTH_BYTES + length
    if not 0 < length <= _MAX_HEADER_BYTES or end > len(data):
        raise CorruptDataError(f"{what}: header of {length} bytes in {len(data)} bytes")
    try:
        arrays = load_json(data[_LENGTH_BYTES:end], has_unique_names=True)
    except (ValueError, RecursionError) as error:
        raise CorruptDataError(f"{what}: header is not JSON, or names something twice") from error
    if not isinstance(arrays, dict):
        raise CorruptDataError(f"{what}: header is not a JSON object")
    metadata = arrays.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise CorruptDataError(f"{what}: metadata is not an object of texts")
    return Header(what=what, arrays=arrays, metadata=metadata, num_array_bytes=len(data) - end)


def encode(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, object]) -> bytes:
    """Return arrays and JSON values as safetensors whose header is in a fixed order; the library's isn't."""
    texts = {name: dump_json(value) for name, value in metadata.items()}
    data = safetensors.numpy.save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata=texts
    )
    begin = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = dump_json(load_json(data[_LENGTH_BYTES:begin]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % _ALIGNMENT_BYTES)
    return len(header).to_bytes(_LENGTH_BYTES, "little") + header + data[begin:]
