"""A checkpoint as bytes: arrays and a few facts, checked for corruption when read.

It is one safetensors object; its metadata carries the facts as JSON and a SHA-256 over the arrays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.numpy
from safetensors import SafetensorError

from somersault.errors import CorruptDataError
from somersault.formats.safetensors import read_header
from somersault.formats.strict_json import dump_json, load_json

__all__ = ["Checkpoint", "pack", "unpack"]

_FORMAT = "somersault.checkpoint.1"

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a service needs to continue where it was."""

    arrays: dict[str, npt.NDArray[Any]]
    facts: dict[str, Any]
    """Small JSON values: counters, cursors."""


def pack(checkpoint: Checkpoint) -> bytes:
    """Return a checkpoint's bytes."""
    arrays = {name: np.ascontiguousarray(array) for name, array in checkpoint.arrays.items()}
    metadata = {
        "format": _FORMAT,
        "facts": dump_json(checkpoint.facts),
        "sha256": _digest(arrays, dump_json(checkpoint.facts)),
    }
    return safetensors.numpy.save(arrays, metadata=metadata)


def unpack(data: bytes) -> Checkpoint:
    """Return the checkpoint that `pack` turned into these bytes.

    Raises:
        CorruptDataError: the bytes are not such a checkpoint or were changed since.
    """
    metadata = _read_metadata(data)
    try:
        arrays = safetensors.numpy.load(data)
        facts = load_json(metadata["facts"])
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise CorruptDataError(f"it can't be read: {error}") from error
    if not isinstance(facts, dict):
        raise CorruptDataError("its facts are not a JSON object")
    if _digest(arrays, metadata["facts"]) != metadata.get("sha256"):
        raise CorruptDataError("its SHA-256 differs from the one stored with it")
    return Checkpoint(arrays=arrays, facts=facts)


def _read_metadata(data: bytes) -> Mapping[str, str]:
    metadata = read_header(data, what="safetensors").metadata
    if metadata.get("format") != _FORMAT:
        raise CorruptDataError(f"its format is not {_FORMAT}")
    return metadata


def _digest(arrays: Arrays, facts: str) -> str:
    digest = hashlib.sha256(facts.encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
