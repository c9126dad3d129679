"""Numbers that no simulator can honestly bring are refused, with field, value and bound; what one can bring passes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from somersault.domain.packing import pack
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout, Segment
from somersault.errors import InvalidInputError
from somersault.wire import (
    rollout_from_message,
    rollout_to_message,
    segment_from_message,
    segment_to_message,
)

_TIMING = {"task": "t", "episode_steps": 8, "segment_steps": 4, "step_s": 0.01}
_MOTION = TaskSpec(**_TIMING, frame_shape=(3,), action_dim=2)
_CHOICE = TaskSpec(**_TIMING, frame_shape=(3,), num_actions=4)
_SEEN = TaskSpec(**_TIMING, frame_shape=(36, 36), num_actions=4, num_numbers=2)
_STEPS = (4, 2)


def _rollout(spec: TaskSpec, **changes: Any) -> Rollout:
    is_truncated = np.zeros(_STEPS, np.bool_)
    is_truncated[1, 0] = True
    rollout = Rollout(
        sequence=0,
        policy_version=0,
        observations=np.zeros((*_STEPS, *spec.stored_shape), spec.frame_dtype),
        actions=np.zeros((*_STEPS, *spec.action_shape), spec.action_dtype),
        log_probs=np.full(_STEPS, -1, np.float32),
        is_truncated=is_truncated,
        final_observations=np.zeros((1, *spec.stored_shape), spec.frame_dtype),
        next_observations=np.zeros((_STEPS[1], *spec.stored_shape), spec.frame_dtype),
    )
    return dataclasses.replace(rollout, **changes)


def _segment(spec: TaskSpec, **changes: Any) -> Segment:
    segment = Segment(
        segment_id="s",
        observations=np.zeros((4, *spec.stored_shape), spec.frame_dtype),
        actions=np.zeros((4, *spec.action_shape), spec.action_dtype),
        rollout_sequence=0,
        policy_version=0,
    )
    return dataclasses.replace(segment, **changes)


def _with(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed[(-1,) * changed.ndim] = value
    return changed


def _through(sent: Rollout | Segment, spec: TaskSpec) -> Any:
    if isinstance(sent, Segment):
        return segment_from_message(segment_to_message(sent), spec=spec)
    return rollout_from_message(
        rollout_to_message(sent), spec=spec, num_steps=_STEPS[0], num_environments=_STEPS[1]
    )


_ABSURD = [
    ("log_probs", -221.0, _MOTION),
    ("log_probs", 221.0, _MOTION),
    ("log_probs", -200.0, _CHOICE),
    ("observations", 3e38, _MOTION),
    ("observations", -1.1e12, _CHOICE),
    ("final_observations", 3e38, _MOTION),
    ("next_observations", -3e38, _MOTION),
    ("actions", 3e38, _MOTION),
    ("actions", -1.1e6, _MOTION),
]


@pytest.mark.parametrize(("field", "value", "spec"), _ABSURD)
def test_a_rollout_with_an_absurd_number_is_refused(field: str, value: float, spec: TaskSpec) -> None:
    """One number is enough; the message says which array, what and what it may be."""
    sent = _rollout(spec, **{field: _with(getattr(_rollout(spec), field), value)})
    with pytest.raises(InvalidInputError, match=rf"rollout\.{field} is .*, must be at most"):
        _through(sent, spec)


@pytest.mark.parametrize(
    ("field", "value", "spec"),
    [("observations", 3e38, _MOTION), ("actions", 2.1, _MOTION), ("actions", -3e38, _MOTION)],
)
def test_a_segment_with_an_absurd_number_is_refused(field: str, value: float, spec: TaskSpec) -> None:
    """Its actions are as they were executed."""
    sent = _segment(spec, **{field: _with(getattr(_segment(spec), field), value)})
    with pytest.raises(InvalidInputError, match=rf"segment\.{field} is .*, must be at most"):
        _through(sent, spec)


def test_absurd_numbers_beside_pictures_are_refused() -> None:
    """Bytes of a picture are bounded by their type, the numbers packed below it are not."""
    frame = pack(np.zeros((1, 36, 36), np.uint8), np.float32([1, 3e38]))
    sent = _rollout(_SEEN, next_observations=np.stack([frame, frame]))
    with pytest.raises(InvalidInputError, match=r"numbers beside the pictures is .*, must be at most"):
        _through(sent, _SEEN)


@pytest.mark.parametrize("value", [-1, 10**12 + 1, 2**62])
def test_a_place_that_no_simulator_comes_to_is_refused(value: int) -> None:
    """Neither rollouts nor segments count from there."""
    for sent in (_rollout(_MOTION, sequence=value), _segment(_MOTION, rollout_sequence=value)):
        with pytest.raises(InvalidInputError, match=r"sequence is .*, must be 0 to 1000000000000"):
            _through(sent, _MOTION)
    for sent in (_rollout(_MOTION, policy_version=value), _segment(_MOTION, policy_version=value)):
        with pytest.raises(InvalidInputError, match=r"policy_version is .*, must be 0 to 1000000000"):
            _through(sent, _MOTION)


@pytest.mark.parametrize(
    ("field", "value", "spec"),
    [
        ("log_probs", -200.0, _MOTION),
        ("log_probs", -103.0, _CHOICE),
        ("log_probs", 40.0, _MOTION),
        ("observations", 1e10, _MOTION),
        ("actions", 5e4, _MOTION),
    ],
)
def test_what_an_honest_simulator_may_bring_passes(field: str, value: float, spec: TaskSpec) -> None:
    """A physics that comes apart, a draw far out, a policy that is nearly certain."""
    _through(_rollout(spec, **{field: _with(getattr(_rollout(spec), field), value)}), spec)
