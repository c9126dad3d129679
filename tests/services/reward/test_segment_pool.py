"""The ring of recent segments."""

from __future__ import annotations

import numpy as np
import pytest

from services.reward.segment_pool import SegmentPool


def _pool(capacity: int = 3) -> SegmentPool:
    return SegmentPool(capacity=capacity, segment_length=2, observation_dim=3, action_dim=1)


def _add(pool: SegmentPool, number: int) -> None:
    observations = np.full((2, 3), number, np.float32)
    pool.add(f"segment-{number}", observations, np.full((2, 1), -number, np.float32))


def test_newest_segment_takes_the_place_of_the_oldest() -> None:
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
    with pytest.raises(ValueError, match=r"actions is \(4, 1\), must be \(2, 1\)"):
        _pool().add("long", np.zeros((2, 3), np.float32), np.zeros((4, 1), np.float32))


def test_empty_position_is_refused() -> None:
    """A position not yet filled is no segment."""
    pool = _pool()
    _add(pool, 1)

    with pytest.raises(IndexError):
        pool.take([1])
