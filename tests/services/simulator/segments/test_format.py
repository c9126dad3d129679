"""Stored segments come back as they were, and nothing else comes back at all."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import safetensors.numpy

from services.simulator.segments.format import decode_segment, encode_sealed, encode_segment
from services.simulator.segments.recorded_segment import RecordedSegment
from somersault.domain.trajectory import Segment
from somersault.errors import CorruptDataError, InvalidInputError
from somersault.tasks import Task

STATE_DIM = 13


@pytest.fixture
def recorded(task: Task) -> RecordedSegment:
    """A segment of random numbers."""
    rng = np.random.default_rng(0)
    steps = task.segment_steps
    segment = Segment(
        segment_id="life-00000001",
        observations=rng.normal(size=(steps, 11)).astype(np.float32),
        actions=rng.normal(size=(steps, 3)).astype(np.float32),
        rollout_sequence=3,
        policy_version=2,
    )
    return RecordedSegment(
        segment=segment,
        footage={"states": rng.normal(size=(steps + 1, STATE_DIM))},
        true_rewards=rng.normal(size=steps).astype(np.float32),
        recent_return_mean=1.5,
        recent_return_std=0.25,
    )


def test_segment_comes_back_bit_for_bit(task: Task, recorded: RecordedSegment) -> None:
    """Name, observations, actions and states."""
    back = decode_segment(encode_segment(recorded, task), task=task)
    assert back.segment_id == "life-00000001"
    np.testing.assert_array_equal(back.observations, recorded.segment.observations)
    np.testing.assert_array_equal(back.actions, recorded.segment.actions)
    np.testing.assert_array_equal(back.footage["states"], recorded.footage["states"])
    assert back.num_steps == task.segment_steps


def test_segment_object_holds_no_true_reward(task: Task, recorded: RecordedSegment) -> None:
    """What the reward service and the learner may read has no trace of the true reward."""
    data = encode_segment(recorded, task)
    assert safetensors.numpy.load(data).keys() == {"observations", "actions", "states"}
    assert b"reward" not in data[:2000]
    assert b"return" not in data[:2000]


def test_sealed_part_holds_rewards_and_their_scale(task: Task, recorded: RecordedSegment) -> None:
    """Any safetensors reader gets the rewards; metadata values are JSON."""
    data = encode_sealed(recorded, task)
    np.testing.assert_array_equal(safetensors.numpy.load(data)["true_rewards"], recorded.true_rewards)
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    assert float(metadata["recent_segment_return_mean"]) == 1.5
    assert float(metadata["recent_segment_return_std"]) == 0.25
    assert json.loads(metadata["segment_id"]) == "life-00000001"


def test_same_segment_gives_same_bytes(task: Task, recorded: RecordedSegment) -> None:
    """The header is in one fixed order."""
    assert len({encode_segment(recorded, task) for _ in range(20)}) == 1


def test_every_cut_of_the_bytes_is_found(task: Task, recorded: RecordedSegment) -> None:
    """An object that ends early is corrupt, wherever it ends."""
    data = encode_segment(recorded, task)
    for length in (0, 7, 8, 100, 600, len(data) // 2, len(data) - 1):
        with pytest.raises(CorruptDataError):
            decode_segment(data[:length], task=task)


def test_huge_header_is_refused_unread(task: Task) -> None:
    """A header that claims more than a mebibyte is not read."""
    data = (1 << 40).to_bytes(8, "little") + b"{}"
    with pytest.raises(CorruptDataError, match="header"):
        decode_segment(data, task=task)


def test_sealed_part_is_no_segment(task: Task, recorded: RecordedSegment) -> None:
    """The format's name tells them apart."""
    with pytest.raises(CorruptDataError, match="format"):
        decode_segment(encode_sealed(recorded, task), task=task)


def test_arrays_that_do_not_fit_are_named(task: Task, recorded: RecordedSegment) -> None:
    """One state too few."""
    short = dataclasses.replace(recorded, footage={"states": recorded.footage["states"][:-1]})
    with pytest.raises(CorruptDataError, match="states"):
        decode_segment(encode_segment(short, task), task=task)


def test_values_that_are_not_finite_are_refused(task: Task, recorded: RecordedSegment) -> None:
    """They could not be rendered."""
    recorded.footage["states"][5, 5] = np.nan
    with pytest.raises(CorruptDataError, match="finite"):
        decode_segment(encode_segment(recorded, task), task=task)


def test_segment_of_another_task_is_refused(task: Task, recorded: RecordedSegment) -> None:
    """That is the caller's mistake, not corruption."""
    other = dataclasses.replace(task, name="other-task")
    with pytest.raises(InvalidInputError, match="task of the segment"):
        decode_segment(encode_segment(recorded, other), task=task)
