"""Reads a segment's sealed teacher part: safetensors with JSON values in its metadata, format version 1."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import safetensors
import safetensors.numpy

from somersault.domain.arrays import FloatArray
from somersault.errors import CorruptDataError
from somersault.formats.strict_json import load_json

__all__ = ["NotFiniteError", "SealedPart", "decode"]

_FORMAT = "somersault.sealed/1"
_MAX_HEADER_BYTES = 1 << 20
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


def decode(data: bytes) -> SealedPart:
    """Return the sealed part; the header is checked before an array is made.

    Raises:
        NotFiniteError: A true reward is not finite; reading it again would not help.
        CorruptDataError: The bytes are not a sealed part, or another number is missing or not finite.
    """
    header = _read_header(data)
    shape = _entry(header, "true_rewards").get("shape")
    if not (isinstance(shape, list) and len(shape) == 1 and 0 < shape[0] <= _MAX_STEPS):
        raise CorruptDataError(f"sealed part: true_rewards has shape {shape}, not [T]")
    metadata = _read_metadata(_entry(header, "__metadata__"))
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


def _read_header(data: bytes) -> dict[str, object]:
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 0 < length <= min(_MAX_HEADER_BYTES, len(data) - 8):
        raise CorruptDataError(f"sealed part: header of {length} bytes in {len(data)} bytes")
    try:
        header = load_json(data[8 : 8 + length])
    except ValueError as err:
        raise CorruptDataError("sealed part: header is not JSON") from err
    if not isinstance(header, dict):
        raise CorruptDataError("sealed part: header is not a JSON object")
    return header


def _entry(header: dict[str, object], name: str) -> dict[str, object]:
    entry = header.get(name)
    if not isinstance(entry, dict):
        raise CorruptDataError(f"sealed part: no {name}")
    return entry


def _read_metadata(metadata: dict[str, object]) -> dict[str, object]:
    try:
        values: dict[str, object] = {name: load_json(str(text)) for name, text in metadata.items()}
    except ValueError as err:
        raise CorruptDataError("sealed part: metadata is not JSON") from err
    if values.get("format") != _FORMAT:
        raise CorruptDataError(f"sealed part: format is {values.get('format')!r}, not {_FORMAT!r}")
    return values


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
