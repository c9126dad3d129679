"""Rollouts, segments and tasks to messages and back."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from somersault import wire
from somersault.domain.keys import sealed_key, segment_key
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout, Segment, StoredSegment
from somersault.errors import InvalidInputError
from somersault.v1 import trajectory_pb2

SPEC = TaskSpec(task="t", frame_shape=(2,), action_dim=1, episode_steps=8, segment_steps=3, step_s=0.5)
GAME = TaskSpec(
    task="g",
    frame_shape=(5, 4),
    num_frames=3,
    num_actions=6,
    episode_steps=8,
    segment_steps=2,
    step_s=0.25,
    is_continuing=True,
)


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


def test_rollout_comes_back_as_it_went() -> None:
    """Every array and number survives the wire."""
    rollout = make_rollout()
    message = wire.rollout_to_message(rollout)
    restored = wire.rollout_from_message(message, spec=SPEC, num_steps=3, num_environments=2)
    for name in Rollout.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(restored, name), getattr(rollout, name), err_msg=name)


def test_rollout_says_where_environments_stood_still() -> None:
    """In tasks whose episodes may end early, and there it must; in others it does not."""
    spec = dataclasses.replace(SPEC, still_steps=2)
    still = np.array([[False, True], [True, False], [False, False]])
    rollout = dataclasses.replace(make_rollout(), is_still=still)
    message = wire.rollout_to_message(rollout)
    restored = wire.rollout_from_message(message, spec=spec, num_steps=3, num_environments=2)
    np.testing.assert_array_equal(restored.is_still, still)
    message = wire.rollout_to_message(make_rollout())
    with pytest.raises(InvalidInputError, match="is_still"):
        wire.rollout_from_message(message, spec=spec, num_steps=3, num_environments=2)


@pytest.mark.parametrize(("still_steps", "is_taken"), [(4, True), (0, False)])
def test_segment_may_lack_actions_where_episodes_end_early(still_steps: int, *, is_taken: bool) -> None:
    """-1 stands for no choice there; elsewhere it is a choice that does not exist."""
    spec = dataclasses.replace(SPEC, action_dim=0, num_actions=2, still_steps=still_steps)
    actions = np.array([1, -1, -1], np.int32)
    segment = Segment(
        segment_id="a",
        observations=np.zeros((3, 2), np.float32),
        actions=actions,
        rollout_sequence=0,
        policy_version=0,
    )
    message = wire.segment_to_message(segment)
    if is_taken:
        np.testing.assert_array_equal(wire.segment_from_message(message, spec=spec).actions, actions)
    else:
        with pytest.raises(InvalidInputError, match=r"segment\.actions"):
            wire.segment_from_message(message, spec=spec)


def test_rollout_of_other_size_is_refused() -> None:
    """A rollout must have the steps and environments that were agreed on."""
    message = wire.rollout_to_message(make_rollout())
    with pytest.raises(InvalidInputError, match="is_truncated"):
        wire.rollout_from_message(message, spec=SPEC, num_steps=4, num_environments=2)


def test_rollout_needs_a_final_observation_for_each_truncation() -> None:
    """One truncated transition needs exactly one final observation."""
    message = wire.rollout_to_message(make_rollout())
    message.final_observations.CopyFrom(wire.tensor_from_array(np.zeros((2, 2), np.float32)))
    with pytest.raises(InvalidInputError, match="final_observations"):
        wire.rollout_from_message(message, spec=SPEC, num_steps=3, num_environments=2)


@pytest.mark.parametrize("field", ["sequence", "policy_version"])
def test_rollout_with_negative_number_is_refused(field: str) -> None:
    """Counters begin at 0."""
    message = wire.rollout_to_message(make_rollout())
    setattr(message, field, -1)
    with pytest.raises(InvalidInputError, match=field):
        wire.rollout_from_message(message, spec=SPEC, num_steps=3, num_environments=2)


def test_segment_comes_back_as_it_went() -> None:
    """A segment survives the wire; its length is the task's."""
    segment = Segment(
        segment_id="s1",
        observations=np.ones((3, 2), np.float32),
        actions=np.zeros((3, 1), np.float32),
        rollout_sequence=5,
        policy_version=6,
    )
    restored = wire.segment_from_message(wire.segment_to_message(segment), spec=SPEC)
    assert (restored.segment_id, restored.rollout_sequence, restored.policy_version) == ("s1", 5, 6)
    np.testing.assert_array_equal(restored.observations, segment.observations)


@pytest.mark.parametrize("segment_id", ["", "../x", ".x", "a/b", "a" * 65, "é"])
def test_segment_with_bad_name_is_refused(segment_id: str) -> None:
    """A name that could lead out of its folder is no name."""
    message = trajectory_pb2.Segment(segment_id=segment_id)
    with pytest.raises(InvalidInputError, match="segment_id"):
        wire.segment_from_message(message, spec=SPEC)


def test_stored_segment_and_task_spec_come_back_as_they_went() -> None:
    """Places and tasks survive the wire."""
    stored = StoredSegment(
        segment_id="s", segment_uri=segment_key("r", "s"), sealed_uri=sealed_key("r", "s"), duration_s=1.5
    )
    message = wire.stored_segment_to_message(stored)
    assert wire.stored_segment_from_message(message, run_id="r") == stored
    assert wire.task_spec_from_message(wire.task_spec_to_message(SPEC)) == SPEC


def test_task_spec_without_dimensions_is_refused() -> None:
    """Every number of a task is positive."""
    with pytest.raises(InvalidInputError, match="frame_shape"):
        wire.task_spec_from_message(trajectory_pb2.TaskSpec(task="t"))


@pytest.mark.parametrize(
    "changed",
    [
        {"segment_uri": ""},
        {"segment_uri": segment_key("r", "t")},
        {"segment_uri": segment_key("other", "s")},
        {"segment_uri": "r/checkpoints/reward/000000000001.safetensors"},
        {"sealed_uri": sealed_key("r", "t")},
        {"sealed_uri": segment_key("r", "s")},
        {"duration_s": math.inf},
    ],
)
def test_a_stored_segment_is_where_its_name_says(changed: dict[str, object]) -> None:
    """A segment that is nowhere can't be compared, and a message never chooses a key."""
    stored = {"segment_id": "s", "segment_uri": segment_key("r", "s"), "duration_s": 1} | changed
    with pytest.raises(InvalidInputError, match=next(iter(changed))):
        wire.stored_segment_from_message(trajectory_pb2.StoredSegment(**stored), run_id="r")


def make_game_rollout(**changes: object) -> Rollout:
    """Four steps of two environments: six frames of each, every pixel different."""
    values: dict[str, object] = {
        "sequence": 0,
        "policy_version": 1,
        "observations": np.arange(6 * 2 * 20, dtype=np.uint8).reshape(6, 2, 5, 4),
        "actions": np.int32([[0, 5], [1, 4], [2, 3], [3, 2]]),
        "log_probs": np.zeros((4, 2), np.float32),
        "is_truncated": np.zeros((4, 2), bool),
        "final_observations": np.zeros((0, 5, 4), np.uint8),
        "next_observations": np.full((2, 5, 4), 7, np.uint8),
    }
    return Rollout(**{**values, **changes})  # type: ignore[arg-type]


def read_game_rollout(rollout: Rollout) -> Rollout:
    """Send a rollout of the game and read it again."""
    message = wire.rollout_to_message(rollout)
    return wire.rollout_from_message(message, spec=GAME, num_steps=4, num_environments=2)


def test_pictures_go_once_with_the_frames_before_them() -> None:
    """Four steps of three-frame observations are six frames, a byte a pixel."""
    rollout = make_game_rollout()
    restored = read_game_rollout(rollout)
    assert restored.observations.dtype == np.uint8
    np.testing.assert_array_equal(restored.observations, rollout.observations)
    np.testing.assert_array_equal(restored.actions, rollout.actions)
    assert len(wire.rollout_to_message(rollout).observations.data) == 6 * 2 * 20
    assert restored.num_steps == 8


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"actions": np.int32([[0, 6], [0, 0], [0, 0], [0, 0]])},
            "rollout.actions is '0 to 6', must be 0 to 5",
        ),
        ({"actions": np.int32([[0, -1], [0, 0], [0, 0], [0, 0]])}, "rollout.actions"),
        ({"actions": np.zeros((4, 2, 1), np.float32)}, "rollout.actions.element_type"),
        ({"observations": np.zeros((4, 2, 5, 4), np.uint8)}, "rollout.observations.shape"),
        ({"observations": np.zeros((6, 2, 5, 4), np.float32)}, "rollout.observations.element_type"),
        ({"is_truncated": np.ones((4, 2), bool)}, "the task is continuing"),
    ],
)
def test_game_rollout_that_does_not_fit_is_refused(changes: dict[str, object], told: str) -> None:
    """Choices, frames and endings are checked against the task."""
    with pytest.raises(InvalidInputError, match=told):
        read_game_rollout(make_game_rollout(**changes))


def test_segment_of_pictures_comes_back_as_it_went() -> None:
    """Two steps of three-frame observations are four frames."""
    segment = Segment(
        segment_id="s",
        observations=np.arange(80, dtype=np.uint8).reshape(4, 5, 4),
        actions=np.int32([5, 0]),
        rollout_sequence=1,
        policy_version=2,
    )
    restored = wire.segment_from_message(wire.segment_to_message(segment), spec=GAME)
    np.testing.assert_array_equal(restored.observations, segment.observations)
    np.testing.assert_array_equal(restored.actions, segment.actions)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"frame_shape": (1, 2, 3)}, "task.frame_shape"),
        ({"frame_shape": (0,)}, "task.frame_shape"),
        ({"frame_shape": (2,), "num_frames": 2}, "task.num_frames is 2, must be 1 to 16"),
        ({"num_frames": 17}, "task.num_frames"),
        ({"action_dim": 1}, "one positive, the others 0"),
        ({"num_actions": 0}, "one positive, the others 0"),
        ({"segment_steps": 0}, "task.segment_steps"),
        ({"step_s": 0.0}, "task.step_s"),
    ],
)
def test_task_spec_out_of_bounds_is_refused(changes: dict[str, object], told: str) -> None:
    """Each number of a task has its bound."""
    message = wire.task_spec_to_message(dataclasses.replace(GAME, **changes))  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match=told):
        wire.task_spec_from_message(message)


def test_task_spec_of_a_game_comes_back_as_it_went() -> None:
    """Frames, choices and that play continues survive the wire."""
    assert wire.task_spec_from_message(wire.task_spec_to_message(GAME)) == GAME
    assert (GAME.is_image, GAME.is_discrete, GAME.action_shape) == (True, True, ())
    assert (SPEC.is_image, SPEC.is_discrete, SPEC.action_shape) == (False, False, (1,))
