"""A rollout holds what happened, in the shapes that the learner expects."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from services.simulator.environments import open_environment
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import Trace, gather
from somersault.domain.trajectory import Rollout
from somersault.tasks import Task, get_task

PolicyArrays = Callable[..., dict[str, np.ndarray]]

NUM = 3


@pytest.fixture
def policy(task: Task, policy_arrays: PolicyArrays) -> Policy:
    """An untrained policy."""
    return Policy(policy_arrays(), spec=task.spec)


def _gather(
    task: Task, policy: Policy, *, steps: int, seed: int = 0, is_stochastic: bool = True
) -> tuple[Rollout, Trace]:
    rng = np.random.default_rng(seed)
    batch = open_environment(task, num_environments=NUM, rng=rng, is_staggered=True)
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
    assert trace.frames is rollout.observations
    assert trace.passage.true_rewards.shape == (150, NUM)
    assert trace.history.shape == (0, NUM, 11)
    for array in (rollout.observations, rollout.actions, rollout.log_probs):
        assert array.dtype == np.float32


def test_observations_are_those_of_the_states(task: Task, policy: Policy) -> None:
    """Before each step, after each ended episode and at the end; velocities clipped to 10."""
    rollout, trace = _gather(task, policy, steps=150)
    ((last, ended),) = np.argwhere(rollout.is_truncated)
    for row in range(NUM):
        states = trace.passage.footage.part(row, 0, 150)["states"]
        np.testing.assert_array_equal(rollout.observations[:, row], _observe(states[:-1]))
        np.testing.assert_array_equal(rollout.next_observations[row], _observe(states[-1]))
    final = trace.passage.footage.part(ended, 0, last + 1)["states"][-1]
    np.testing.assert_array_equal(rollout.final_observations[0], _observe(final))


def _observe(states: np.ndarray) -> np.ndarray:
    coordinates = np.concatenate((states[..., 2:7], np.clip(states[..., 7:], -10, 10)), axis=-1)
    return coordinates.astype(np.float32)


def test_executed_actions_are_clipped_and_sent_ones_are_not(task: Task, policy: Policy) -> None:
    """The trace holds what the environment did, the rollout what the policy drew."""
    rollout, trace = _gather(task, policy, steps=50)
    assert np.abs(rollout.actions).max() > 1
    np.testing.assert_array_equal(trace.actions, np.clip(rollout.actions, -1, 1))


def test_log_probs_are_the_densities_of_the_actions(
    task: Task, policy: Policy, policy_arrays: PolicyArrays
) -> None:
    """Equal to the Gaussian's log-density worked out from the action and the mean."""
    std = np.exp(policy_arrays()["log_std"].astype(np.float64))
    rollout, _ = _gather(task, policy, steps=20)
    z = (rollout.actions - _means(policy, rollout.observations)) / std
    expected = (-0.5 * z**2 - np.log(std) - 0.5 * np.log(2 * np.pi)).sum(axis=-1)
    np.testing.assert_allclose(rollout.log_probs, expected, atol=1e-4)


def _means(policy: Policy, observations: np.ndarray) -> np.ndarray:
    """The actions ``[T, N, A]`` that the policy takes without noise."""
    worker, means = policy.worker(), np.empty((*observations.shape[:2], 3), np.float32)
    for observation, mean in zip(observations, means, strict=True):
        worker.act(observation, np.zeros_like(mean), actions=mean, log_probs=np.empty(NUM, np.float32))
    return means


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
    np.testing.assert_array_equal(rollout.actions, _means(policy, rollout.observations))


def test_number_of_threads_changes_nothing(task: Task, policy: Policy) -> None:
    """Three lanes give the same rollout and rewards on one, two and four threads."""
    rollouts = []
    for num_threads in (1, 2, 4):
        batch = open_environment(task, num_environments=70, rng=np.random.default_rng(0), is_staggered=True)
        rollout, trace = gather(
            batch,
            policy,
            sequence=0,
            policy_version=0,
            num_steps=40,
            rng=np.random.default_rng(1),
            num_threads=num_threads,
        )
        rollouts.append(
            (rollout.observations, rollout.actions, rollout.log_probs, trace.passage.true_rewards)
        )
    for other in rollouts[1:]:
        for array, expected in zip(other, rollouts[0], strict=True):
            np.testing.assert_array_equal(array, expected)


def _picture_arrays(rng: np.random.Generator, *, num_actions: int) -> dict[str, np.ndarray]:
    """An untrained policy for four pictures of 84 x 84, by the names of docs/protocol.md."""
    shapes = {
        "conv_0": (32, 4, 8, 8),
        "conv_1": (64, 32, 4, 4),
        "conv_2": (64, 64, 3, 3),
        "dense": (512, 64 * 7 * 7),
        "logits": (num_actions, 512),
    }
    arrays = {}
    for name, shape in shapes.items():
        arrays[f"{name}.weight"] = (0.01 * rng.standard_normal(shape)).astype(np.float32)
        arrays[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    return arrays


def test_each_picture_is_held_once_and_stays_in_view() -> None:
    """Six steps are nine frames, the first of them four times; the next rollout begins with the last three."""
    pong = get_task("pong")
    rng = np.random.default_rng(0)
    policy = Policy(_picture_arrays(rng, num_actions=pong.num_actions), spec=pong.spec)
    batch = open_environment(pong, num_environments=2, rng=rng)
    history, rollouts = None, []
    for sequence in range(2):
        rollout, trace = gather(
            batch, policy, sequence=sequence, policy_version=0, num_steps=6, rng=rng, history=history
        )
        history = trace.history
        rollouts.append(rollout)
    batch.close()
    first, second = (rollout.observations for rollout in rollouts)
    assert first.shape == second.shape == (9, 2, 84, 84)
    for frame in first[:3]:
        np.testing.assert_array_equal(frame, first[3])
    np.testing.assert_array_equal(second[:3], first[-3:])
    np.testing.assert_array_equal(second[3], rollouts[0].next_observations)
    assert rollouts[0].actions.dtype == np.int32
    assert not rollouts[0].is_truncated.any()


def test_error_in_a_lane_is_raised(task: Task, policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong on a lane's own thread is not lost."""

    def fail(out: np.ndarray) -> None:
        raise RuntimeError("the lane broke")

    batch = open_environment(task, num_environments=40, rng=np.random.default_rng(0))
    monkeypatch.setattr(batch.lanes[1], "observe", fail)
    with pytest.raises(RuntimeError, match="the lane broke"):
        gather(
            batch,
            policy,
            sequence=0,
            policy_version=0,
            num_steps=3,
            rng=np.random.default_rng(0),
            num_threads=2,
        )
