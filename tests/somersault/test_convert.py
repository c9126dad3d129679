"""Messages to value objects and back."""

from __future__ import annotations

import numpy as np
import pytest

from somersault import convert
from somersault.errors import InvalidInputError
from somersault.types import Preference, Role, Rollout, Segment, StoredSegment, TaskSpec
from somersault.v1 import trajectory_pb2

SPEC = TaskSpec(task="t", observation_dim=2, action_dim=1, episode_steps=8, segment_steps=3, step_s=0.5)


def make_rollout(*, num_steps: int = 3, num_environments: int = 2) -> Rollout:
    """A rollout with one truncated transition and a different number in every place."""
    steps = (num_steps, num_environments)
    is_truncated = np.zeros(steps, bool)
    is_truncated[1, 0] = True
    return Rollout(
        sequence=4,
        policy_version=7,
        observations=np.arange(num_steps * num_environments * 2, dtype=np.float32).reshape(*steps, 2),
        actions=np.arange(num_steps * num_environments, dtype=np.float32).reshape(*steps, 1) + 0.5,
        log_probs=-np.arange(num_steps * num_environments, dtype=np.float32).reshape(steps),
        is_truncated=is_truncated,
        final_observations=np.float32([[8.0, 9.0]]),
        next_observations=np.float32([[1.0, 2.0], [3.0, 4.0]]),
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_])
def test_tensor_keeps_every_element_type(dtype: type) -> None:
    """Each of the six element types comes back as it went."""
    array = np.array([[0, 1, 1], [1, 0, 1]], dtype=dtype)
    restored = convert.array_from_tensor("x", convert.tensor_from_array(array), dtype=dtype)
    assert restored.dtype == array.dtype
    np.testing.assert_array_equal(restored, array)


def test_tensor_is_little_endian_row_major() -> None:
    """The wire format does not depend on how the array lies in memory."""
    array = np.array([[1, 2], [3, 4]], dtype=">i4").T
    tensor = convert.tensor_from_array(array)
    assert list(tensor.data) == [1, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0]


def test_scalar_has_no_axes() -> None:
    """A tensor without axes holds one element."""
    tensor = convert.tensor_from_array(np.array(2.5, np.float32))
    assert convert.array_from_tensor("x", tensor, shape=()) == 2.5


def test_array_from_tensor_is_read_only() -> None:
    """Nobody writes into received bytes."""
    array = convert.array_from_tensor("x", convert.tensor_from_array(np.zeros(3, np.float32)))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_unknown_dtype_is_refused() -> None:
    """What has no element type can't be sent."""
    with pytest.raises(InvalidInputError, match="float16"):
        convert.tensor_from_array(np.zeros(1, np.float16))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"element_type": trajectory_pb2.ELEMENT_TYPE_UNSPECIFIED}, "x.element_type"),
        ({"element_type": trajectory_pb2.ELEMENT_TYPE_INT32}, "x.element_type"),
        ({"shape": [3, 2]}, "x.shape"),
        ({"shape": [2, 3, 1]}, "x.shape"),
        ({"shape": [-2, -3]}, "x.shape"),
        ({"shape": [1] * 9}, "x.shape"),
        ({"data": b"\0" * 23}, "x.data is '23 bytes', must be 24 bytes"),
        ({"data": b"\0" * 25}, "x.data"),
        ({"data": np.float32([np.nan] * 6).tobytes()}, "x has a value that is not finite"),
        ({"data": np.float32([0, 0, np.inf, 0, 0, 0]).tobytes()}, "not finite"),
    ],
)
def test_tensor_that_does_not_fit_is_refused(change: dict[str, object], told: str) -> None:
    """Type, axes, size and values are checked, and the error names what is wrong."""
    fields: dict[str, object] = {
        "data": b"\0" * 24,
        "element_type": trajectory_pb2.ELEMENT_TYPE_FLOAT32,
        "shape": [2, 3],
    }
    tensor = trajectory_pb2.Tensor(**{**fields, **change})
    with pytest.raises(InvalidInputError, match=told):
        convert.array_from_tensor("x", tensor, shape=(2, 3))


def test_huge_shape_is_refused_without_allocating() -> None:
    """A shape that multiplies past 64 bits is compared exactly."""
    tensor = trajectory_pb2.Tensor(
        data=b"", element_type=trajectory_pb2.ELEMENT_TYPE_FLOAT32, shape=[2**62, 4]
    )
    with pytest.raises(InvalidInputError, match=r"x\.data"):
        convert.array_from_tensor("x", tensor)


def test_none_in_shape_takes_any_length() -> None:
    """An open axis may have any length, zero too."""
    tensor = convert.tensor_from_array(np.zeros((0, 3), np.float32))
    assert convert.array_from_tensor("x", tensor, shape=(None, 3)).shape == (0, 3)


def test_rollout_comes_back_as_it_went() -> None:
    """Every array and number survives the wire."""
    rollout = make_rollout()
    message = convert.rollout_to_message(rollout)
    restored = convert.rollout_from_message(message, spec=SPEC, num_steps=3, num_environments=2)
    for name in Rollout.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(restored, name), getattr(rollout, name), err_msg=name)


def test_rollout_of_other_size_is_refused() -> None:
    """A rollout must have the steps and environments that were agreed on."""
    message = convert.rollout_to_message(make_rollout())
    with pytest.raises(InvalidInputError, match="is_truncated"):
        convert.rollout_from_message(message, spec=SPEC, num_steps=4, num_environments=2)


def test_rollout_needs_a_final_observation_for_each_truncation() -> None:
    """One truncated transition needs exactly one final observation."""
    message = convert.rollout_to_message(make_rollout())
    message.final_observations.CopyFrom(convert.tensor_from_array(np.zeros((2, 2), np.float32)))
    with pytest.raises(InvalidInputError, match="final_observations"):
        convert.rollout_from_message(message, spec=SPEC, num_steps=3, num_environments=2)


@pytest.mark.parametrize("field", ["sequence", "policy_version"])
def test_rollout_with_negative_number_is_refused(field: str) -> None:
    """Counters begin at 0."""
    message = convert.rollout_to_message(make_rollout())
    setattr(message, field, -1)
    with pytest.raises(InvalidInputError, match=field):
        convert.rollout_from_message(message, spec=SPEC, num_steps=3, num_environments=2)


def test_segment_comes_back_as_it_went() -> None:
    """A segment survives the wire; its length is the task's."""
    segment = Segment(
        segment_id="s1",
        observations=np.ones((3, 2), np.float32),
        actions=np.zeros((3, 1), np.float32),
        rollout_sequence=5,
        policy_version=6,
    )
    restored = convert.segment_from_message(convert.segment_to_message(segment), spec=SPEC)
    assert (restored.segment_id, restored.rollout_sequence, restored.policy_version) == ("s1", 5, 6)
    np.testing.assert_array_equal(restored.observations, segment.observations)


@pytest.mark.parametrize("segment_id", ["", "../x", ".x", "a/b", "a" * 65, "é"])
def test_segment_with_bad_name_is_refused(segment_id: str) -> None:
    """A name that could lead out of its folder is no name."""
    message = trajectory_pb2.Segment(segment_id=segment_id)
    with pytest.raises(InvalidInputError, match="segment_id"):
        convert.segment_from_message(message, spec=SPEC)


def test_stored_segment_and_task_spec_come_back_as_they_went() -> None:
    """Places and tasks survive the wire."""
    stored = StoredSegment(segment_id="s", segment_uri="r/s", sealed_uri="r/x", duration_s=1.5)
    assert convert.stored_segment_from_message(convert.stored_segment_to_message(stored)) == stored
    assert convert.task_spec_from_message(convert.task_spec_to_message(SPEC)) == SPEC


def test_task_spec_without_dimensions_is_refused() -> None:
    """Every number of a task is positive."""
    with pytest.raises(InvalidInputError, match="observation_dim"):
        convert.task_spec_from_message(trajectory_pb2.TaskSpec(task="t"))


def test_stored_segment_without_place_is_refused() -> None:
    """A segment that is nowhere can't be compared."""
    with pytest.raises(InvalidInputError, match="segment_uri"):
        convert.stored_segment_from_message(trajectory_pb2.StoredSegment(segment_id="s", duration_s=1))


def test_enums_come_back_as_they_went() -> None:
    """Every preference and every role has its number; 0 has none."""
    for preference in Preference:
        number = convert.preference_to_message(preference)
        assert convert.preference_from_message(number) is preference
    for role in Role:
        assert convert.role_from_message(convert.role_to_message(role)) is role
    with pytest.raises(InvalidInputError, match="preference"):
        convert.preference_from_message(0)
    with pytest.raises(InvalidInputError, match="role"):
        convert.role_from_message(0)
