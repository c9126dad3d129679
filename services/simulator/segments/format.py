"""Encodes the two objects that are stored of each segment, and decodes the one that clips are rendered from.

Both are safetensors, format version 1, whose metadata values are JSON:

- *segment*: ``observations [T + F - 1, *frame]`` float32 or uint8, ``actions`` float32 ``[T, A]`` or int32 ``[T]``, and
  footage, whose arrays depend on the kind of environment (MuJoCo: float64 ``states [T + 1, S]``); enough to
  learn from and to render. Steps that stand still because the episode had ended have no action
  (`somersault.domain.actions`).
- *sealed*: float32 ``true_rewards [T]``, and ``recent_segment_return_mean`` and
  ``recent_segment_return_std`` in the metadata; for teachers alone.

The same segment always gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from services.simulator.environments import footage_layout
from services.simulator.segments.recorded_segment import RecordedSegment
from somersault.domain.actions import is_still
from somersault.domain.arrays import ActionArray, FrameArray
from somersault.errors import CorruptDataError, InvalidInputError
from somersault.formats import sealed
from somersault.formats.safetensors import encode, read_header
from somersault.formats.sealed import SealedPart
from somersault.tasks import MAX_EPISODE_STEPS, Task

__all__ = ["RenderableSegment", "decode_segment", "encode_sealed", "encode_segment"]

_SEGMENT_FORMAT = "somersault.segment/1"
_DTYPE_NAMES = {"float32": "F32", "int32": "I32", "uint8": "U8"}

_Layout = Mapping[str, tuple[str, tuple[int | None, ...]]]
"""By name of each array: its safetensors dtype and its shape, None for any length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderableSegment:
    """A stored segment, as far as rendering needs it."""

    segment_id: str
    observations: FrameArray
    """``[T + F - 1, *frame]``, the newest before each action last."""
    actions: ActionArray
    """``[T, A]`` float32, or ``[T]`` or ``[T, D]`` int32."""
    footage: Mapping[str, NDArray[Any]]
    """What its steps are rendered from, by name."""

    @property
    def num_still_steps(self) -> int:
        """How many of its last steps stand still because the episode had ended early."""
        return int(is_still(self.actions).sum())

    @property
    def num_steps(self) -> int:
        """T."""
        return len(self.actions)


def encode_segment(recorded: RecordedSegment, task: Task) -> bytes:
    """Return the object that is stored for learning and rendering."""
    segment = recorded.segment
    arrays: dict[str, NDArray[np.generic]] = {
        "observations": segment.observations,
        "actions": segment.actions,
        **recorded.footage,
    }
    metadata = {
        "format": _SEGMENT_FORMAT,
        "task": task.name,
        "segment_id": segment.segment_id,
        "rollout_sequence": segment.rollout_sequence,
        "policy_version": segment.policy_version,
        "step_s": task.step_s,
    }
    return encode(arrays, metadata)


def encode_sealed(recorded: RecordedSegment, task: Task) -> bytes:
    """Return the sealed teacher part."""
    part = SealedPart(
        segment_id=recorded.segment.segment_id,
        true_rewards=recorded.true_rewards,
        recent_segment_return_mean=recorded.recent_return_mean,
        recent_segment_return_std=recorded.recent_return_std,
    )
    return sealed.encode(part, task=task.name)


def decode_segment(data: bytes, *, task: Task) -> RenderableSegment:
    """Read a segment object; header, shapes and dtypes are checked before any array is made.

    Raises:
        CorruptDataError: The bytes aren't a segment object, or its arrays don't fit together.
        InvalidInputError: It is a segment of another task.
    """
    header = read_header(data, what="segment object")
    metadata = header.read_json_metadata()
    if metadata.get("format") != _SEGMENT_FORMAT:
        raise CorruptDataError(f"format is {metadata.get('format')!r}, must be {_SEGMENT_FORMAT!r}")
    if metadata.get("task") != task.name:
        raise InvalidInputError("task of the segment", metadata.get("task"), task.name)
    _check_arrays(header.arrays, task)
    try:
        arrays = safetensors.numpy.load(data)
    except safetensors.SafetensorError as err:
        raise CorruptDataError(f"segment object: {err}") from err
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise CorruptDataError("segment object has a value that isn't finite")
    return RenderableSegment(
        segment_id=str(metadata.get("segment_id")),
        observations=arrays.pop("observations"),
        actions=arrays.pop("actions"),
        footage=arrays,
    )


def _check_arrays(declared: Mapping[str, Any], task: Task) -> None:
    """Check that the header declares exactly a segment's arrays, of one length and the right widths."""
    actions = declared.get("actions")
    shape = actions.get("shape") if isinstance(actions, dict) else None
    steps = shape[0] if isinstance(shape, list) and shape else None
    # An evaluation may keep longer episodes than the task's own.
    most = max(MAX_EPISODE_STEPS, task.episode_steps)
    if not isinstance(steps, int) or not 1 <= steps <= most:
        raise CorruptDataError(f"segment object has {steps} steps, must have 1 to {most}")
    layout = _layout(task, steps)
    if declared.keys() != layout.keys():
        raise CorruptDataError(f"segment object has arrays {sorted(declared)}, must have {sorted(layout)}")
    for name, entry in declared.items():
        found = (entry.get("dtype"), entry.get("shape")) if isinstance(entry, dict) else (None, None)
        dtype, expected = layout[name]
        if found[0] != dtype or not _is_of_shape(found[1], expected):
            raise CorruptDataError(f"segment object: {name} is {found}, must be {(dtype, list(expected))}")


def _layout(task: Task, steps: int) -> _Layout:
    """Return what the arrays of a segment of this many steps must be."""
    spec = task.spec
    return {
        "observations": (
            _DTYPE_NAMES[spec.frame_dtype.name],
            (steps + spec.num_frames - 1, *spec.stored_shape),
        ),
        "actions": (_DTYPE_NAMES[spec.action_dtype.name], (steps, *spec.action_shape)),
        **footage_layout(task, num_steps=steps),
    }


def _is_of_shape(found: object, expected: tuple[int | None, ...]) -> bool:
    """Return whether a declared shape is the expected one."""
    if not isinstance(found, list) or len(found) != len(expected):
        return False
    return all(length in (None, actual) for length, actual in zip(expected, found, strict=True))
