"""Messages to value objects and back, with every shape and bound checked on the way in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from somersault.errors import InvalidInputError
from somersault.types import (
    Preference,
    Role,
    Rollout,
    Segment,
    StoredSegment,
    TaskSpec,
    check_name,
)
from somersault.v1 import preference_pb2, trajectory_pb2

__all__ = [
    "array_from_tensor",
    "preference_from_message",
    "preference_to_message",
    "role_from_message",
    "role_to_message",
    "rollout_from_message",
    "rollout_to_message",
    "segment_from_message",
    "segment_to_message",
    "stored_segment_from_message",
    "stored_segment_to_message",
    "task_spec_from_message",
    "task_spec_to_message",
    "tensor_from_array",
]

_MAX_AXES = 8

_DTYPES: dict[int, np.dtype[Any]] = {
    trajectory_pb2.ELEMENT_TYPE_FLOAT32: np.dtype("<f4"),
    trajectory_pb2.ELEMENT_TYPE_FLOAT64: np.dtype("<f8"),
    trajectory_pb2.ELEMENT_TYPE_INT32: np.dtype("<i4"),
    trajectory_pb2.ELEMENT_TYPE_INT64: np.dtype("<i8"),
    trajectory_pb2.ELEMENT_TYPE_UINT8: np.dtype("u1"),
    trajectory_pb2.ELEMENT_TYPE_BOOL: np.dtype("?"),
}
_ELEMENT_TYPES = {dtype: element_type for element_type, dtype in _DTYPES.items()}


def tensor_from_array(array: npt.NDArray[Any]) -> trajectory_pb2.Tensor:
    """Gives the message of an array of one of the six element types."""
    element_type = _ELEMENT_TYPES.get(array.dtype.newbyteorder("<"))
    if element_type is None:
        raise InvalidInputError("dtype", str(array.dtype), f"one of {sorted(map(str, _ELEMENT_TYPES))}")
    little_endian = np.ascontiguousarray(array, dtype=_DTYPES[element_type])
    return trajectory_pb2.Tensor(
        data=little_endian.tobytes(),
        element_type=element_type,  # type: ignore[arg-type]
        shape=array.shape,
    )


def array_from_tensor(
    field: str,
    tensor: trajectory_pb2.Tensor,
    *,
    dtype: npt.DTypeLike = np.float32,
    shape: tuple[int | None, ...] | None = None,
) -> npt.NDArray[Any]:
    """Gives a read-only view of a message's data.

    Args:
        field: What to call it in errors.
        tensor: The message.
        dtype: The element type it must have.
        shape: The length each axis must have, None where any will do; None for any shape at all.

    Raises:
        InvalidInputError: the element type, the number of axes, a length, or the number of bytes differs,
            or a float is not finite.
    """
    actual = _DTYPES.get(tensor.element_type)
    if actual != np.dtype(dtype):
        raise InvalidInputError(f"{field}.element_type", str(actual), str(np.dtype(dtype)))
    axes = tuple(tensor.shape)
    if len(axes) > _MAX_AXES or any(length < 0 for length in axes):
        raise InvalidInputError(f"{field}.shape", axes, f"at most {_MAX_AXES} axes of length 0 or more")
    if shape is not None and not _fits(axes, shape):
        raise InvalidInputError(f"{field}.shape", axes, str(shape).replace("None", "any"))
    num_bytes = math.prod(axes) * actual.itemsize
    if len(tensor.data) != num_bytes:
        raise InvalidInputError(f"{field}.data", f"{len(tensor.data)} bytes", f"{num_bytes} bytes")
    array = np.frombuffer(tensor.data, dtype=actual).reshape(axes)
    if actual.kind == "f" and not np.isfinite(array).all():
        raise InvalidInputError(f"{field} has a value that is not finite")
    return array


def _fits(axes: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(axes) == len(shape) and all(
        want is None or have == want for have, want in zip(axes, shape, strict=True)
    )


def rollout_to_message(rollout: Rollout) -> trajectory_pb2.Rollout:
    """Gives the message of a rollout."""
    return trajectory_pb2.Rollout(
        sequence=rollout.sequence,
        policy_version=rollout.policy_version,
        observations=tensor_from_array(rollout.observations),
        actions=tensor_from_array(rollout.actions),
        log_probs=tensor_from_array(rollout.log_probs),
        is_truncated=tensor_from_array(rollout.is_truncated),
        final_observations=tensor_from_array(rollout.final_observations),
        next_observations=tensor_from_array(rollout.next_observations),
    )


def rollout_from_message(
    message: trajectory_pb2.Rollout, *, spec: TaskSpec, num_steps: int, num_environments: int
) -> Rollout:
    """Gives a rollout whose arrays all fit ``[num_steps, num_environments]`` and the task.

    Raises:
        InvalidInputError: an array's element type, shape or size is wrong, or a number is negative.
    """
    _check_at_least("rollout.sequence", message.sequence, 0)
    _check_at_least("rollout.policy_version", message.policy_version, 0)
    steps = (num_steps, num_environments)
    is_truncated = array_from_tensor(
        "rollout.is_truncated", message.is_truncated, dtype=np.bool_, shape=steps
    )
    return Rollout(
        sequence=message.sequence,
        policy_version=message.policy_version,
        observations=array_from_tensor(
            "rollout.observations", message.observations, shape=(*steps, spec.observation_dim)
        ),
        actions=array_from_tensor("rollout.actions", message.actions, shape=(*steps, spec.action_dim)),
        log_probs=array_from_tensor("rollout.log_probs", message.log_probs, shape=steps),
        is_truncated=is_truncated,
        final_observations=array_from_tensor(
            "rollout.final_observations",
            message.final_observations,
            shape=(int(is_truncated.sum()), spec.observation_dim),
        ),
        next_observations=array_from_tensor(
            "rollout.next_observations",
            message.next_observations,
            shape=(num_environments, spec.observation_dim),
        ),
    )


def segment_to_message(segment: Segment) -> trajectory_pb2.Segment:
    """Gives the message of a segment."""
    return trajectory_pb2.Segment(
        segment_id=segment.segment_id,
        observations=tensor_from_array(segment.observations),
        actions=tensor_from_array(segment.actions),
        rollout_sequence=segment.rollout_sequence,
        policy_version=segment.policy_version,
    )


def segment_from_message(message: trajectory_pb2.Segment, *, spec: TaskSpec) -> Segment:
    """Gives a segment of exactly the task's length.

    Raises:
        InvalidInputError: its name, an array's element type, or a shape is wrong.
    """
    steps = spec.segment_steps
    return Segment(
        segment_id=check_name("segment.segment_id", message.segment_id),
        observations=array_from_tensor(
            "segment.observations", message.observations, shape=(steps, spec.observation_dim)
        ),
        actions=array_from_tensor("segment.actions", message.actions, shape=(steps, spec.action_dim)),
        rollout_sequence=message.rollout_sequence,
        policy_version=message.policy_version,
    )


def stored_segment_to_message(stored: StoredSegment) -> trajectory_pb2.StoredSegment:
    """Gives the message of a stored segment's place."""
    return trajectory_pb2.StoredSegment(
        segment_id=stored.segment_id,
        segment_uri=stored.segment_uri,
        sealed_uri=stored.sealed_uri,
        duration_s=stored.duration_s,
    )


def stored_segment_from_message(message: trajectory_pb2.StoredSegment) -> StoredSegment:
    """Gives a stored segment's place.

    Raises:
        InvalidInputError: its name is not a name, or its place or duration is missing.
    """
    if not message.segment_uri:
        raise InvalidInputError("segment_uri", message.segment_uri, "the key of a stored segment")
    if not message.duration_s > 0:
        raise InvalidInputError("duration_s", message.duration_s, "more than 0 seconds")
    return StoredSegment(
        segment_id=check_name("segment_id", message.segment_id),
        segment_uri=message.segment_uri,
        sealed_uri=message.sealed_uri,
        duration_s=message.duration_s,
    )


def task_spec_to_message(spec: TaskSpec) -> trajectory_pb2.TaskSpec:
    """Gives the message of a task."""
    return trajectory_pb2.TaskSpec(
        task=spec.task,
        observation_dim=spec.observation_dim,
        action_dim=spec.action_dim,
        episode_steps=spec.episode_steps,
        segment_steps=spec.segment_steps,
        step_s=spec.step_s,
    )


def task_spec_from_message(message: trajectory_pb2.TaskSpec) -> TaskSpec:
    """Gives a task whose every number is positive.

    Raises:
        InvalidInputError: a number is not.
    """
    for field in ("observation_dim", "action_dim", "episode_steps", "segment_steps"):
        _check_at_least(f"task.{field}", getattr(message, field), 1)
    if not message.step_s > 0:
        raise InvalidInputError("task.step_s", message.step_s, "more than 0 seconds")
    return TaskSpec(
        task=message.task,
        observation_dim=message.observation_dim,
        action_dim=message.action_dim,
        episode_steps=message.episode_steps,
        segment_steps=message.segment_steps,
        step_s=message.step_s,
    )


_PREFERENCES = {
    Preference.LEFT: preference_pb2.PREFERENCE_LEFT,
    Preference.RIGHT: preference_pb2.PREFERENCE_RIGHT,
    Preference.EQUAL: preference_pb2.PREFERENCE_EQUAL,
    Preference.INCOMPARABLE: preference_pb2.PREFERENCE_INCOMPARABLE,
}
_ROLES = {
    Role.LABELER: preference_pb2.ROLE_LABELER,
    Role.TEACHER: preference_pb2.ROLE_TEACHER,
    Role.SERVICE: preference_pb2.ROLE_SERVICE,
    Role.OWNER: preference_pb2.ROLE_OWNER,
}


def preference_to_message(preference: Preference) -> preference_pb2.Preference.ValueType:
    """Gives the enum value of an answer."""
    return _PREFERENCES[preference]


def preference_from_message(value: preference_pb2.Preference.ValueType) -> Preference:
    """Gives the answer of an enum value.

    Raises:
        InvalidInputError: it is unspecified or unknown.
    """
    for preference, number in _PREFERENCES.items():
        if number == value:
            return preference
    raise InvalidInputError("preference", value, "left, right, equal or incomparable (1 to 4)")


def role_to_message(role: Role) -> preference_pb2.Role.ValueType:
    """Gives the enum value of a role."""
    return _ROLES[role]


def role_from_message(value: preference_pb2.Role.ValueType) -> Role:
    """Gives the role of an enum value.

    Raises:
        InvalidInputError: it is unspecified or unknown.
    """
    for role, number in _ROLES.items():
        if number == value:
            return role
    raise InvalidInputError("role", value, "labeler, teacher, service or owner (1 to 4)")


def _check_at_least(field: str, value: int, least: int) -> None:
    if value < least:
        raise InvalidInputError(field, value, f"at least {least}")
