"""Rows of a rollout are the observations that the simulator's policy saw."""

from __future__ import annotations

import numpy as np
import torch

from services.learner.networks.observation_normaliser import ObservationNormaliser
from services.learner.networks.observations import RolloutObservations, arrange_observations
from somersault.domain.trajectory import Rollout

_NUM_STEPS, _NUM_ENVIRONMENTS, _NUM_FRAMES = 4, 2, 3


def _frame(number: int, environment: int) -> int:
    """Return the level that all pixels of an environment's frame have."""
    return 10 * number + environment


def _pictures() -> Rollout:
    """Return frames 0 to 5 of two environments, frame 6 next; environment 1 ended after action 1 in a frame of level 99."""
    levels = [[_frame(number, environment) for environment in range(2)] for number in range(7)]
    frames = np.array(levels, np.uint8)[:, :, None, None] * np.ones((36, 36), np.uint8)
    frames.flags.writeable = False  # as what came over the wire
    is_truncated = np.zeros((_NUM_STEPS, _NUM_ENVIRONMENTS), np.bool_)
    is_truncated[1, 1] = True
    shape = (_NUM_STEPS, _NUM_ENVIRONMENTS)
    return Rollout(
        sequence=0,
        policy_version=0,
        observations=frames[:6],
        actions=np.zeros(shape, np.int32),
        log_probs=np.zeros(shape, np.float32),
        is_truncated=is_truncated,
        final_observations=np.full((1, 36, 36), 99, np.uint8),
        next_observations=frames[6],
    )


def _levels(observations: RolloutObservations, name: str, rows: list[int]) -> list[list[int]]:
    taken = getattr(observations, name).take(torch.tensor(rows))
    assert taken.shape == (len(rows), _NUM_FRAMES, 36, 36)
    assert taken.dtype == torch.uint8
    return taken[:, :, 5, 7].tolist()


def test_rows_are_stacks_of_consecutive_frames_of_one_environment() -> None:
    """Row t * 2 + n is frames t, t + 1, t + 2 of environment n, in any order asked for."""
    observations = arrange_observations(_pictures(), num_frames=_NUM_FRAMES, normaliser=None)
    assert len(observations.acted_on) == 8
    assert _levels(observations, "acted_on", [0, 7, 3]) == [[0, 10, 20], [31, 41, 51], [11, 21, 31]]


def test_the_last_row_ends_with_the_frame_that_the_next_rollout_begins_with() -> None:
    """Frames 4, 5 and 6 of each environment."""
    observations = arrange_observations(_pictures(), num_frames=_NUM_FRAMES, normaliser=None)
    assert len(observations.last) == 2
    assert _levels(observations, "last", [0, 1]) == [[40, 50, 60], [41, 51, 61]]


def test_an_ended_episodes_row_is_its_newest_frames_and_the_final_one() -> None:
    """Action 1 was chosen on frames 1, 2, 3: then come 2, 3 and the final frame."""
    observations = arrange_observations(_pictures(), num_frames=_NUM_FRAMES, normaliser=None)
    assert len(observations.final) == 1
    assert _levels(observations, "final", [0]) == [[21, 31, 99]]


def test_vectors_come_normalised() -> None:
    """Observations 0 and 4 have mean 2 and std 2: -1 and 1; the next one, 6, is 2."""
    normaliser = ObservationNormaliser(observation_dim=1)
    frames = np.array([[[0.0]], [[4.0]]], np.float32)
    normaliser.update(frames)
    rollout = Rollout(
        sequence=0,
        policy_version=0,
        observations=frames,
        actions=np.zeros((2, 1, 1), np.float32),
        log_probs=np.zeros((2, 1), np.float32),
        is_truncated=np.zeros((2, 1), np.bool_),
        final_observations=np.zeros((0, 1), np.float32),
        next_observations=np.array([[6.0]], np.float32),
    )
    observations = arrange_observations(rollout, num_frames=1, normaliser=normaliser)
    assert observations.acted_on.take(torch.tensor([1, 0])).tolist() == [[1.0], [-1.0]]
    assert observations.last.take(torch.tensor([0])).tolist() == [[2.0]]
    assert len(observations.final) == 0
