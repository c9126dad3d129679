"""A rollout holds what happened, in the shapes that the learner expects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from services.simulator.environment import MujocoBatch
from services.simulator.policy import Policy
from services.simulator.rollout import Trace, gather
from somersault.tasks import Task
from somersault.types import Rollout

PolicyArrays = Callable[..., dict[str, np.ndarray]]

NUM = 3


@pytest.fixture
def policy(task: Task, policy_arrays: PolicyArrays) -> Policy:
    """An untrained policy."""
    return Policy(policy_arrays(), task=task)


def _gather(
    task: Task, policy: Policy, *, steps: int, seed: int = 0, is_stochastic: bool = True
) -> tuple[Rollout, Trace]:
    rng = np.random.default_rng(seed)
    batch = MujocoBatch(task, num_environments=NUM, rng=rng, is_staggered=True)
    return gather(
        batch,
        policy,
        sequence=5,
        policy_version=4,
        num_steps=steps,
        rng=rng,
        is_stochastic=is_stochastic,
    )


def test_shapes_and_dtypes_are_those_of_the_wire(task: Task, policy: Policy) -> None:
    """Time-major float32, one row of final observations for each ended episode."""
    rollout, trace = _gather(task, policy, steps=150)
    assert (rollout.sequence, rollout.policy_version) == (5, 4)
    assert rollout.observations.shape == (150, NUM, 11)
    assert rollout.actions.shape == (150, NUM, 3)
    assert rollout.log_probs.shape == rollout.is_truncated.shape == (150, NUM)
    assert rollout.is_truncated.sum() == 1
    assert rollout.final_observations.shape == (1, 11)
    assert rollout.next_observations.shape == (NUM, 11)
    assert trace.states.shape == (150, NUM, 13)
    assert trace.final_states.shape == (1, 13)
    for array in (rollout.observations, rollout.actions, rollout.log_probs):
        assert array.dtype == np.float32


def test_observations_are_those_of_the_states(task: Task, policy: Policy) -> None:
    """Before each step, after each ended episode and at the end; velocities clipped to 10."""
    rollout, trace = _gather(task, policy, steps=150)
    pairs = (
        (rollout.observations, trace.states),
        (rollout.final_observations, trace.final_states),
        (rollout.next_observations, trace.next_states),
    )
    for observations, states in pairs:
        expected = np.concatenate((states[..., 2:7], np.clip(states[..., 7:], -10, 10)), axis=-1)
        np.testing.assert_array_equal(observations, expected.astype(np.float32))


def test_executed_actions_are_clipped_and_sent_ones_are_not(task: Task, policy: Policy) -> None:
    """The trace holds what the environment did, the rollout what the policy drew."""
    rollout, trace = _gather(task, policy, steps=50)
    assert np.abs(rollout.actions).max() > 1
    np.testing.assert_array_equal(trace.actions, np.clip(rollout.actions, -1, 1))


def test_log_probs_are_the_densities_of_the_actions(task: Task, policy: Policy) -> None:
    """Equal to the Gaussian's log-density worked out from the action and the mean."""
    arrays_std = np.exp(policy._log_std.astype(np.float64))
    rollout, _ = _gather(task, policy, steps=20)
    mean = np.stack([policy.mean_actions(step).copy() for step in rollout.observations])
    z = (rollout.actions - mean) / arrays_std
    expected = (-0.5 * z**2 - np.log(arrays_std) - 0.5 * np.log(2 * np.pi)).sum(axis=-1)
    np.testing.assert_allclose(rollout.log_probs, expected, atol=1e-4)


def test_same_seed_gives_the_same_rollout(task: Task, policy: Policy) -> None:
    """Everything random comes of the generator."""
    first, _ = _gather(task, policy, steps=60, seed=3)
    second, _ = _gather(task, policy, steps=60, seed=3)
    other, _ = _gather(task, policy, steps=60, seed=4)
    np.testing.assert_array_equal(first.observations, second.observations)
    np.testing.assert_array_equal(first.actions, second.actions)
    assert not np.array_equal(first.actions, other.actions)


def test_without_noise_the_mean_is_taken(task: Task, policy: Policy) -> None:
    """An evaluation's actions are the policy's means."""
    rollout, _ = _gather(task, policy, steps=5, is_stochastic=False)
    for step in range(5):
        mean = policy.mean_actions(rollout.observations[step])
        np.testing.assert_array_equal(rollout.actions[step], mean)
