"""A segment's sealed teacher part as bytes: safetensors with JSON values in its metadata, format version 1.

It holds the true reward: an object of its own, under a prefix that only teachers may read.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import safetensors
import safetensors.numpy

from somersault.domain.arrays import FloatArray
from somersault.errors import CorruptDataError
from somersault.formats.safetensors import encode as encode_safetensors
from somersault.formats.safetensors import read_header

__all__ = ["NotFiniteError", "SealedPart", "decode", "encode"]

_FORMAT = "somersault.sealed/1"
_MAX_STEPS = 100_000


class NotFiniteError(CorruptDataError):
    """A true reward is not finite, so the segment can't be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedPart:
    """What a teacher may know of a segment."""

    segment_id: str
    """Its id: that of its simulator's process, a hyphen, and how many segments were cut before it."""
    true_rewards: FloatArray
    """``[T]`` float32."""
    recent_segment_return_mean: float
    """Mean of the newest segments' true returns when this segment was cut."""
    recent_segment_return_std: float
    """Standard deviation of the newest segments' true returns when this segment was cut."""


def encode(part: SealedPart, *, task: str) -> bytes:
    """Return the object of a sealed part; the same part always gives the same bytes."""
    metadata = {
        "format": _FORMAT,
        "task": task,
        "segment_id": part.segment_id,
        "recent_segment_return_mean": part.recent_segment_return_mean,
        "recent_segment_return_std": part.recent_segment_return_std,
    }
    return encode_safetensors({"true_rewards": part.true_rewards}, metadata)


def decode(data: bytes) -> SealedPart:
    """Return the sealed part; the header is checked before an array is made.

    Raises:
        NotFiniteError: A true reward is not finite; reading it again would not help.
        CorruptDataError: The bytes are not a sealed part, or another number is missing or not finite.
    """
    header = read_header(data, what="sealed part")
    declared = header.arrays.get("true_rewards")
    shape = declared.get("shape") if isinstance(declared, dict) else None
    if not (isinstance(shape, list) and len(shape) == 1 and 0 < shape[0] <= _MAX_STEPS):
        raise CorruptDataError(f"sealed part: true_rewards has shape {shape}, not [T]")
    metadata = header.read_json_metadata()
    if metadata.get("format") != _FORMAT:
        raise CorruptDataError(f"sealed part: format is {metadata.get('format')!r}, not {_FORMAT!r}")
    try:
        true_rewards = safetensors.numpy.load(data)["true_rewards"]
    except safetensors.SafetensorError as err:
        raise CorruptDataError(f"sealed part: {err}") from err
    if true_rewards.dtype != np.float32:
        raise CorruptDataError("sealed part: true_rewards is not float32")
    segment_id = _text(metadata, "segment_id")
    broken = np.flatnonzero(~np.isfinite(true_rewards))
    if broken.size:
        step = broken[0]
        raise NotFiniteError(
            f"the true reward at step {step + 1} of {len(true_rewards)} of segment {segment_id} is {true_rewards[step]}"
        )
    std = _number(metadata, "recent_segment_return_std")
    if std < 0:
        raise CorruptDataError(f"sealed part: recent_segment_return_std is {std}")
    return SealedPart(
        segment_id=segment_id,
        true_rewards=true_rewards,
        recent_segment_return_mean=_number(metadata, "recent_segment_return_mean"),
        recent_segment_return_std=std,
    )


def _number(metadata: dict[str, object], name: str) -> float:
    value = metadata.get(name)
    if not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise CorruptDataError(f"sealed part: {name} is {value!r:.100}, not a finite number")
    return float(value)


def _text(metadata: dict[str, object], name: str) -> str:
    value = metadata.get(name)
    if not isinstance(value, str):
        raise CorruptDataError(f"sealed part: {name} is {value!r:.100}, not text")
    return value
