"""What stands around the arrays of safetensors: the one reader of its header, and a writer of the same bytes each time.

Eight bytes say how long the header is. It is JSON: an entry for each array and, under ``__metadata__``, texts
(https://github.com/huggingface/safetensors#format).

What we store carries a SHA-256 of itself in that metadata, whatever it is stored in: of all its bytes, with zeros in the
digest's place. Objects of before have none and are read as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from somersault.errors import CorruptDataError
from somersault.formats.strict_json import dump_json, load_json

__all__ = ["Header", "encode", "load_arrays", "read_header", "with_digest"]

_LENGTH_BYTES = 8
_ALIGNMENT_BYTES = 8
_DIGEST = "object_sha256"
_DIGEST_PLACE = re.compile(rb'"object_sha256":"\\"([0-9a-f]{64})\\""')
_LIKE_A_DIGEST = re.compile(r'"[^"]{64}"')
_NO_DIGEST = "0" * 64
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
        CorruptDataError: There is no header, it is past its bound or isn't what it must be, or any bit of the object has
            changed since it was stored.
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
    _verify(data, metadata, end=end, what=what)
    metadata.pop(_DIGEST, None)
    return Header(what=what, arrays=arrays, metadata=metadata, num_array_bytes=len(data) - end)


def load_arrays(data: bytes, *, what: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of safetensors.

    Raises:
        CorruptDataError: They can't be read, or any bit of the object has changed since it was stored.
    """
    read_header(data, what=what)
    try:
        return safetensors.numpy.load(data)
    except safetensors.SafetensorError as error:
        raise CorruptDataError(f"{what}: {error}") from error


def _verify(data: bytes, metadata: Mapping[str, str], *, end: int, what: str) -> None:
    changed = CorruptDataError(f"{what}: it is not what was stored: its SHA-256 differs from the one in it")
    if _DIGEST not in metadata:
        # One whose name has changed: else a change there would make an object of before out of it.
        if any(_LIKE_A_DIGEST.fullmatch(text) for text in metadata.values()):
            raise changed
        return
    place = _DIGEST_PLACE.search(data, 0, end)
    if place is None or _digest(data, at=place.start(1)) != place[1].decode():
        raise changed


def _digest(data: bytes, *, at: int) -> str:
    digest = hashlib.sha256(data[:at])
    digest.update(_NO_DIGEST.encode())
    digest.update(memoryview(data)[at + len(_NO_DIGEST) :])
    return digest.hexdigest()


def with_digest(data: bytes) -> bytes:
    """Return safetensors with a SHA-256 of all of it in its metadata, its header in a fixed order."""
    begin = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    header = load_json(data[_LENGTH_BYTES:begin])
    header.setdefault("__metadata__", {})[_DIGEST] = f'"{_NO_DIGEST}"'
    text = dump_json(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT_BYTES)
    marked = len(text).to_bytes(_LENGTH_BYTES, "little") + text + data[begin:]
    place = _DIGEST_PLACE.search(marked, 0, _LENGTH_BYTES + len(text))
    assert place is not None, "the digest's place was just written"
    at = place.start(1)
    return marked[:at] + _digest(marked, at=at).encode() + marked[at + len(_NO_DIGEST) :]


def encode(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, object]) -> bytes:
    """Return arrays and JSON values as safetensors with a digest, whose header is in a fixed order; the library's isn't."""
    texts = {name: dump_json(value) for name, value in metadata.items()}
    data = safetensors.numpy.save(
        {name: np.ascontiguousarray(array) for name, array in arrays.items()}, metadata=texts
    )
    return with_digest(data)
