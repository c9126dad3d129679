"""Numbered checkpoints in object storage: arrays and a few facts, checked for corruption when read.

A checkpoint is one safetensors object; its metadata carries the facts as JSON and a SHA-256 over the arrays.
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
from somersault.runtime.failpoints import failpoint
from somersault.storage import ObjectStore

__all__ = ["Checkpoint", "load_newest", "pack", "save", "unpack"]

_FORMAT = "somersault.checkpoint.1"
_NUM_KEPT = 3

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a service needs to continue where it was."""

    arrays: dict[str, npt.NDArray[Any]]
    facts: dict[str, Any]
    """Small JSON values: counters, cursors."""


def save(store: ObjectStore, prefix: str, *, number: int, checkpoint: Checkpoint) -> str:
    """Store a checkpoint under ``prefix`` and its number, then forget all but the newest three; return its key."""
    key = f"{prefix}{number:012d}.safetensors"
    store.put(key, pack(checkpoint))
    failpoint("checkpoint.stored")
    for old in sorted(store.list(prefix))[:-_NUM_KEPT]:
        store.delete(old)
    return key


def load_newest(store: ObjectStore, prefix: str) -> Checkpoint | None:
    """Return the checkpoint with the highest number, or None if there is none.

    Raises:
        CorruptDataError: it can't be trusted; the message names the object and says what to do.
    """
    keys = sorted(store.list(prefix))
    if not keys:
        return None
    try:
        return unpack(store.get(keys[-1]))
    except CorruptDataError as error:
        before = f"the one before, {keys[-2]}" if len(keys) > 1 else "the beginning"
        raise CorruptDataError(
            f"checkpoint {keys[-1]} is corrupt ({error}); delete it to go on from {before}"
        ) from error


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
    except (SafetensorError, KeyError, ValueError) as error:
        raise CorruptDataError(f"it can't be read: {error}") from error
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
