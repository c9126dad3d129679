"""The ring of recent segments."""

from __future__ import annotations

import numpy as np
import pytest

from services.reward.segments.layout import SegmentLayout
from services.reward.segments.pool import SegmentPool
from somersault.domain.task_spec import TaskSpec

_VECTORS = TaskSpec(task="t", frame_shape=(3,), action_dim=1, episode_steps=8, segment_steps=2, step_s=0.5)
_GAME = TaskSpec(
    task="t", frame_shape=(84, 84), num_frames=4, num_actions=6, episode_steps=8, segment_steps=25, step_s=0.1
)


def _pool(capacity: int = 3) -> SegmentPool:
    return SegmentPool(SegmentLayout(_VECTORS), capacity=capacity)


def _add(pool: SegmentPool, number: int) -> None:
    observations = np.full((2, 3), number, np.float32)
    pool.add(f"segment-{number}", observations, np.full((2, 1), -number, np.float32))


def test_the_newest_segments_are_found_wherever_the_ring_stands() -> None:
    """Of a ring of three that was filled with five: the fifth, then the fourth; of one with one, that one."""
    pool = _pool()
    assert pool.newest_indices(2).tolist() == []
    _add(pool, 0)
    assert pool.newest_indices(2).tolist() == [0]
    for number in range(1, 5):
        _add(pool, number)
    names = [pool.segment_ids[index] for index in pool.newest_indices(2)]
    assert names == ["segment-4", "segment-3"]
    assert len(pool.newest_indices(9)) == 3


def test_newest_segment_replaces_the_oldest() -> None:
    """After five segments in a ring of three, the third to fifth are held."""
    pool = _pool()
    for number in range(5):
        _add(pool, number)

    observations, actions = pool.take([0, 1, 2])

    assert pool.segment_ids == ("segment-3", "segment-4", "segment-2")
    np.testing.assert_array_equal(observations[:, 0, 0], [3, 4, 2])
    np.testing.assert_array_equal(actions[:, 1, 0], [-3, -4, -2])


def test_taken_segments_are_copies() -> None:
    """What was taken does not change when the ring comes round."""
    pool = _pool(capacity=2)
    _add(pool, 7)
    taken, _ = pool.take([0])
    _add(pool, 8)
    _add(pool, 9)

    np.testing.assert_array_equal(taken[0], np.full((2, 3), 7))


def test_segment_of_another_length_is_refused() -> None:
    """The message names the array and both shapes."""
    with pytest.raises(ValueError, match=r"actions is float32 \(4, 1\), must be float32 \(2, 1\)"):
        _pool().add("long", np.zeros((2, 3), np.float32), np.zeros((4, 1), np.float32))


def test_index_without_a_segment_is_refused() -> None:
    """The ring has room for three and holds one."""
    pool = _pool()
    _add(pool, 1)

    with pytest.raises(IndexError):
        pool.take([1])


def test_pictures_are_held_once_a_frame_and_a_byte_a_pixel() -> None:
    """A segment of 25 steps that show 4 frames each is 28 frames of 84 x 84 bytes and 25 actions of 4."""
    layout = SegmentLayout(_GAME)
    pool = SegmentPool(layout, capacity=2)
    frames = np.random.default_rng(0).integers(0, 256, (28, 84, 84), np.uint8)

    pool.add("game", frames, np.arange(25, dtype=np.int32) % 6)
    observations, actions = pool.take([0])

    assert layout.segment_bytes == 28 * 84 * 84 + 25 * 4
    assert (observations.dtype, actions.dtype) == (np.uint8, np.int32)
    np.testing.assert_array_equal(observations[0], frames)


def test_floats_in_place_of_pictures_are_refused() -> None:
    """Nothing is converted silently."""
    pool = SegmentPool(SegmentLayout(_GAME), capacity=2)
    with pytest.raises(ValueError, match="observations is float32"):
        pool.add("game", np.zeros((28, 84, 84), np.float32), np.zeros(25, np.int32))
