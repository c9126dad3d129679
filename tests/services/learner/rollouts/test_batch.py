"""Rollouts side by side."""

from __future__ import annotations

import dataclasses

import numpy as np

from services.learner.algorithms.ppo.advantage import successor_values
from services.learner.rollouts.batch import Collected, join_rollouts, make_batch
from somersault.domain.trajectory import Rollout


def _rollout(
    first: int, is_truncated: list[list[int]], *, sequence: int = 0, policy_version: int = 0
) -> Rollout:
    """Return a rollout whose frame of step t in environment n is ``first`` + 10 t + n, and 1000 more where it is final."""
    mask = np.array(is_truncated, np.bool_)
    steps, num = mask.shape
    numbers = (first + 10 * np.arange(steps)[:, None] + np.arange(num)).astype(np.float32)
    return Rollout(
        sequence=sequence,
        policy_version=policy_version,
        observations=numbers[..., None],
        actions=numbers[..., None],
        log_probs=numbers,
        is_truncated=mask,
        final_observations=(1000 + numbers)[mask][:, None],
        next_observations=(2000 + numbers[-1])[:, None],
    )


def test_a_single_rollout_is_the_batch_itself() -> None:
    """Nothing is copied."""
    rollout = _rollout(0, [[0, 1]], sequence=5)
    batch = make_batch([Collected(incarnation="a", rollout=rollout)])
    assert batch.rollout is rollout
    assert [(part.incarnation, part.sequence) for part in batch.parts] == [("a", 5)]


def test_columns_stand_side_by_side_in_the_order_given() -> None:
    """Two environments of one simulator, one of another, two steps: [T, N] numbers as written out here."""
    joined = join_rollouts(
        [_rollout(0, [[0, 0], [0, 0]], policy_version=3), _rollout(100, [[0], [0]], policy_version=2)]
    )
    np.testing.assert_array_equal(joined.log_probs, [[0, 1, 100], [10, 11, 110]])
    np.testing.assert_array_equal(joined.observations[..., 0], [[0, 1, 100], [10, 11, 110]])
    np.testing.assert_array_equal(joined.next_observations[:, 0], [2010, 2011, 2110])
    assert joined.policy_version == 2
    assert joined.num_steps == 6


def test_still_steps_stand_side_by_side_too() -> None:
    """If episodes never end early there are none to join."""
    first, second = _rollout(0, [[0, 0], [0, 0]]), _rollout(100, [[0], [0]])
    assert join_rollouts([first, second]).is_still is None
    still = dataclasses.replace(first, is_still=np.array([[True, False], [False, False]]))
    other = dataclasses.replace(second, is_still=np.array([[False], [True]]))
    np.testing.assert_array_equal(join_rollouts([still, other]).is_still, [[1, 0, 0], [0, 0, 1]])


def test_final_observations_follow_the_joined_mask() -> None:
    """In its row-major order: step 0 of both, then step 1 of both, although each rollout brought its own in one piece."""
    joined = join_rollouts([_rollout(0, [[0, 1], [1, 0]]), _rollout(100, [[1], [1]])])
    np.testing.assert_array_equal(joined.final_observations[:, 0], [1001, 1100, 1010, 1110])


def test_each_truncated_step_bootstraps_from_its_own_final_observation() -> None:
    """With the frame's number as its value, every successor is the one in its own rollout."""
    parts = [
        _rollout(0, [[0, 1], [1, 0], [0, 0]]),
        _rollout(100, [[1], [0], [1]]),
        _rollout(200, [[0], [1], [0]]),
    ]
    joined = join_rollouts(parts)
    apart = np.concatenate([_successors(part) for part in parts], axis=1)
    np.testing.assert_array_equal(_successors(joined), apart)
    np.testing.assert_array_equal(apart[0], [10, 1001, 1100, 210])


def test_stacked_pictures_keep_their_extra_frames() -> None:
    """T + F - 1 frames of each, side by side."""
    pictures = [np.full((4, num, 2, 2), num, np.uint8) for num in (1, 2)]
    rollouts = [
        Rollout(
            sequence=0,
            policy_version=0,
            observations=each,
            actions=np.zeros((1, each.shape[1]), np.int32),
            log_probs=np.zeros((1, each.shape[1]), np.float32),
            is_truncated=np.zeros((1, each.shape[1]), np.bool_),
            final_observations=np.zeros((0, 2, 2), np.uint8),
            next_observations=each[-1],
        )
        for each in pictures
    ]
    joined = join_rollouts(rollouts)
    assert joined.observations.shape == (4, 3, 2, 2)
    assert joined.observations.dtype == np.uint8
    np.testing.assert_array_equal(joined.observations[0, :, 0, 0], [1, 2, 2])
    assert joined.actions.shape == (1, 3)


def _successors(rollout: Rollout) -> np.ndarray:
    return successor_values(
        rollout.observations[..., 0],
        last_values=rollout.next_observations[:, 0],
        is_truncated=rollout.is_truncated,
        final_values=rollout.final_observations[:, 0],
    )
