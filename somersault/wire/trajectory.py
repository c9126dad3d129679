"""Rollouts, segments and tasks to messages and back, with every shape and bound checked on the way in."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from somersault.domain.actions import NO_MOVE, bounds_of_choices, least_choice_of
from somersault.domain.bounds import MAX_ACTION, MAX_LOG_PROB, MAX_NUMBER, MAX_SEQUENCE, MAX_VERSION
from somersault.domain.keys import check_is_key, sealed_key, segment_key
from somersault.domain.packing import numbers_of
from somersault.domain.task_spec import TaskSpec
from somersault.domain.texts import check_name
from somersault.domain.trajectory import MAX_DURATION_S, Rollout, Segment, StoredSegment
from somersault.errors import InvalidInputError
from somersault.v1 import trajectory_pb2
from somersault.wire.tensors import array_from_tensor, check_magnitude, tensor_from_array

__all__ = [
    "check_duration",
    "rollout_from_message",
    "rollout_to_message",
    "segment_from_message",
    "segment_to_message",
    "stored_segment_from_message",
    "stored_segment_to_message",
    "task_spec_from_message",
    "task_spec_to_message",
]

_MAX_FRAMES = 16  # as TaskSpec says, of planes too
_MAX_NUMBERS = 4096  # as TaskSpec says


def rollout_to_message(rollout: Rollout) -> trajectory_pb2.Rollout:
    """Return the message of a rollout."""
    return trajectory_pb2.Rollout(
        sequence=rollout.sequence,
        policy_version=rollout.policy_version,
        observations=tensor_from_array(rollout.observations),
        actions=tensor_from_array(rollout.actions),
        log_probs=tensor_from_array(rollout.log_probs),
        is_truncated=tensor_from_array(rollout.is_truncated),
        final_observations=tensor_from_array(rollout.final_observations),
        next_observations=tensor_from_array(rollout.next_observations),
        is_still=None if rollout.is_still is None else tensor_from_array(rollout.is_still),
    )


def rollout_from_message(
    message: trajectory_pb2.Rollout, *, spec: TaskSpec, num_steps: int, num_environments: int
) -> Rollout:
    """Return a rollout whose arrays all fit ``[num_steps, num_environments]`` and the task.

    Raises:
        InvalidInputError: an array's element type, shape or size is wrong, or a number is past its bound.
    """
    _check_between("rollout.sequence", message.sequence, 0, MAX_SEQUENCE)
    _check_between("rollout.policy_version", message.policy_version, 0, MAX_VERSION)
    steps = (num_steps, num_environments)
    is_truncated = array_from_tensor(
        "rollout.is_truncated", message.is_truncated, dtype=np.bool_, shape=steps
    )
    if spec.is_continuing and is_truncated.any():
        raise InvalidInputError(
            "rollout.is_truncated", "a transition is truncated", "none: the task is continuing"
        )
    is_still = None
    if spec.still_steps:
        is_still = array_from_tensor("rollout.is_still", message.is_still, dtype=np.bool_, shape=steps)
    return Rollout(
        sequence=message.sequence,
        policy_version=message.policy_version,
        observations=_frames(
            "rollout.observations",
            message.observations,
            (num_steps + spec.num_frames - 1, num_environments),
            spec,
        ),
        actions=_actions("rollout.actions", message.actions, steps, spec),
        log_probs=array_from_tensor(
            "rollout.log_probs", message.log_probs, shape=steps, bound=MAX_LOG_PROB * _num_components(spec)
        ),
        is_truncated=is_truncated,
        final_observations=_frames(
            "rollout.final_observations", message.final_observations, (int(is_truncated.sum()),), spec
        ),
        next_observations=_frames(
            "rollout.next_observations", message.next_observations, (num_environments,), spec
        ),
        is_still=is_still,
    )


def _frames(
    field: str, tensor: trajectory_pb2.Tensor, leading: tuple[int, ...], spec: TaskSpec
) -> npt.NDArray[Any]:
    """Return frames ``[*leading, *frame]`` of the task's kind."""
    frames = array_from_tensor(
        field, tensor, dtype=spec.frame_dtype, shape=(*leading, *spec.stored_shape), bound=MAX_NUMBER
    )
    if spec.num_numbers:
        numbers = numbers_of(frames, num_numbers=spec.num_numbers)
        check_magnitude(f"{field}, numbers beside the pictures", numbers, bound=MAX_NUMBER)
    return frames


def _num_components(spec: TaskSpec) -> int:
    """Return of how many components or choices an action consists."""
    return len(spec.choices) or spec.action_dim


def _actions(
    field: str,
    tensor: trajectory_pb2.Tensor,
    leading: tuple[int, ...],
    spec: TaskSpec,
    *,
    least_choice: int = 0,
    most: float = MAX_ACTION,
) -> npt.NDArray[Any]:
    """Return actions of the task's kind; a choice must be among those there are, a component within ±``most``."""
    actions = array_from_tensor(
        field, tensor, dtype=spec.action_dtype, shape=(*leading, *spec.action_shape), bound=most
    )
    if spec.is_discrete:
        wrong = bounds_of_choices(actions, choices=spec.choices, least=least_choice)
        if wrong is not None:
            raise InvalidInputError(field, *wrong)
    return actions


def segment_to_message(segment: Segment) -> trajectory_pb2.Segment:
    """Return the message of a segment."""
    return trajectory_pb2.Segment(
        segment_id=segment.segment_id,
        observations=tensor_from_array(segment.observations),
        actions=tensor_from_array(segment.actions),
        rollout_sequence=segment.rollout_sequence,
        policy_version=segment.policy_version,
    )


def segment_from_message(message: trajectory_pb2.Segment, *, spec: TaskSpec) -> Segment:
    """Return a segment of exactly the task's length.

    Raises:
        InvalidInputError: its name, an array's element type, or a shape is wrong, or a number is past its bound.
    """
    _check_between("segment.rollout_sequence", message.rollout_sequence, 0, MAX_SEQUENCE)
    _check_between("segment.policy_version", message.policy_version, 0, MAX_VERSION)
    steps = spec.segment_steps
    return Segment(
        segment_id=check_name("segment.segment_id", message.segment_id),
        observations=_frames(
            "segment.observations", message.observations, (steps + spec.num_frames - 1,), spec
        ),
        actions=_actions(
            "segment.actions",
            message.actions,
            (steps,),
            spec,
            least_choice=least_choice_of(spec),
            most=-NO_MOVE,
        ),
        rollout_sequence=message.rollout_sequence,
        policy_version=message.policy_version,
    )


def stored_segment_to_message(stored: StoredSegment) -> trajectory_pb2.StoredSegment:
    """Return the message that says where a segment is stored."""
    return trajectory_pb2.StoredSegment(
        segment_id=stored.segment_id,
        segment_uri=stored.segment_uri,
        sealed_uri=stored.sealed_uri,
        duration_s=stored.duration_s,
    )


def stored_segment_from_message(message: trajectory_pb2.StoredSegment, *, run_id: str) -> StoredSegment:
    """Return where a segment of a run is stored.

    Raises:
        InvalidInputError: its name is invalid, a key isn't the one that its name makes, or its duration is missing.
    """
    segment_id = check_name("segment_id", message.segment_id)
    check_is_key("segment_uri", message.segment_uri, segment_key(run_id, segment_id))
    check_is_key("sealed_uri", message.sealed_uri, sealed_key(run_id, segment_id), "")
    check_duration(message.duration_s)
    return StoredSegment(
        segment_id=segment_id,
        segment_uri=message.segment_uri,
        sealed_uri=message.sealed_uri,
        duration_s=message.duration_s,
    )


def check_duration(duration_s: float) -> None:
    """Check how long a stored segment is.

    Raises:
        InvalidInputError: it isn't above 0 and within its bound.
    """
    if not 0 < duration_s <= MAX_DURATION_S:
        bound = f"more than 0 and at most {MAX_DURATION_S:.0f} seconds"
        raise InvalidInputError("duration_s", duration_s, bound)


def task_spec_to_message(spec: TaskSpec) -> trajectory_pb2.TaskSpec:
    """Return the message of a task."""
    return trajectory_pb2.TaskSpec(
        task=spec.task,
        frame_shape=spec.frame_shape,
        num_frames=spec.num_frames,
        num_planes=spec.num_planes,
        num_numbers=spec.num_numbers,
        action_dim=spec.action_dim,
        num_actions=spec.num_actions,
        choice_sizes=spec.choice_sizes,
        episode_steps=spec.episode_steps,
        segment_steps=spec.segment_steps,
        step_s=spec.step_s,
        is_continuing=spec.is_continuing,
        still_steps=spec.still_steps,
    )


def task_spec_from_message(message: trajectory_pb2.TaskSpec) -> TaskSpec:
    """Return a task whose every number is within its bound.

    Raises:
        InvalidInputError: a number isn't, or the action is both a vector and a choice, or neither.
    """
    shape = tuple(message.frame_shape)
    if len(shape) not in (1, 2) or min(shape) < 1:
        raise InvalidInputError("task.frame_shape", shape, "one or two positive lengths")
    if not 1 <= message.num_frames <= (_MAX_FRAMES if len(shape) == 2 else 1):
        bound = f"1 to {_MAX_FRAMES} where frames are pictures, else 1"
        raise InvalidInputError("task.num_frames", message.num_frames, bound)
    if not 0 <= message.num_planes <= (_MAX_FRAMES if len(shape) == 2 else 1):
        bound = f"0 to {_MAX_FRAMES} where frames are pictures, else at most 1"
        raise InvalidInputError("task.num_planes", message.num_planes, bound)
    if not 0 <= message.num_numbers <= (_MAX_NUMBERS if len(shape) == 2 else 0):
        bound = f"0 to {_MAX_NUMBERS} where frames are pictures, else 0"
        raise InvalidInputError("task.num_numbers", message.num_numbers, bound)
    _check_action(message)
    for field in ("episode_steps", "segment_steps"):
        _check_at_least(f"task.{field}", getattr(message, field), 1)
    _check_at_least("task.still_steps", message.still_steps, 0)
    if not message.step_s > 0:
        raise InvalidInputError("task.step_s", message.step_s, "more than 0 seconds")
    return TaskSpec(
        task=message.task,
        frame_shape=shape,
        num_frames=message.num_frames,
        num_planes=message.num_planes or 1,
        num_numbers=message.num_numbers,
        action_dim=message.action_dim,
        num_actions=message.num_actions,
        choice_sizes=tuple(message.choice_sizes),
        episode_steps=message.episode_steps,
        segment_steps=message.segment_steps,
        step_s=message.step_s,
        is_continuing=message.is_continuing,
        still_steps=message.still_steps,
    )


def _check_action(message: trajectory_pb2.TaskSpec) -> None:
    """Check that an action is exactly one of a vector, a choice, and several choices.

    Raises:
        InvalidInputError: it isn't.
    """
    for size in message.choice_sizes:
        _check_at_least("task.choice_sizes", size, 1)
    kinds = (message.action_dim, message.num_actions, sum(message.choice_sizes))
    if min(kinds) < 0 or sum(kind > 0 for kind in kinds) != 1:
        found = f"{message.action_dim}, {message.num_actions} and {list(message.choice_sizes)}"
        bound = "one positive, the others 0"
        raise InvalidInputError("task.action_dim, task.num_actions and task.choice_sizes", found, bound)


def _check_at_least(field: str, value: int, least: int) -> None:
    if value < least:
        raise InvalidInputError(field, value, f"at least {least}")


def _check_between(field: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidInputError(field, value, f"{least} to {most}")
