"""From frames to observations."""

from __future__ import annotations

import numpy as np

from somersault.domain.frames import observations_of


def test_observation_is_the_newest_frames_oldest_first() -> None:
    """Five frames of one environment make three observations of three frames."""
    frames = np.arange(5, dtype=np.uint8).reshape(5, 1, 1, 1)
    observations = observations_of(frames, num_frames=3)
    assert observations.shape == (3, 1, 3, 1, 1)
    assert observations[:, 0, :, 0, 0].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4]]
    assert np.shares_memory(observations, frames)


def test_single_pictures_keep_the_axis_of_frames() -> None:
    """One frame an observation is still a stack, of one."""
    assert observations_of(np.zeros((4, 2, 8, 8), np.uint8), num_frames=1).shape == (4, 2, 1, 8, 8)


def test_vectors_come_back_as_they_are() -> None:
    """A vector is its own observation."""
    vectors = np.zeros((4, 2, 11), np.float32)
    assert observations_of(vectors, num_frames=1) is vectors
