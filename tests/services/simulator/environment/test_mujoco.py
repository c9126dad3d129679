"""The batch takes exactly the steps that Gymnasium takes."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from services.simulator.environment import MujocoBatch
from somersault.errors import InvalidInputError
from somersault.tasks import Task

NUM = 4


def _batch(task: Task, *, seed: int = 0, threads: int = 1, is_staggered: bool = False) -> MujocoBatch:
    return MujocoBatch(
        task,
        num_environments=NUM,
        num_threads=threads,
        rng=np.random.default_rng(seed),
        is_staggered=is_staggered,
    )


def test_thousand_random_steps_equal_gymnasium_bit_for_bit(task: Task) -> None:
    """From the same state with a zero warm start, observations and states equal Hopper-v5's."""
    batch = _batch(task, threads=2)
    env = gymnasium.make(task.environment_id, terminate_when_unhealthy=False).unwrapped
    env.reset(seed=0)
    rng = np.random.default_rng(1)
    num_compared = 0
    for _ in range(1000 // NUM):
        before = batch.states.copy()
        actions = rng.uniform(-1, 1, (NUM, task.action_dim)).astype(np.float32)
        assert batch.step(actions) is None
        for row in range(NUM):
            env.data.time = before[row, 0]
            env.data.qpos[:], env.data.qvel[:] = before[row, 1:7], before[row, 7:13]
            env.data.qacc_warmstart[:] = 0
            observation, *_ = env.step(actions[row])
            np.testing.assert_array_equal(batch.observations[row], observation)
            state = np.concatenate(([env.data.time], env.data.qpos, env.data.qvel))
            np.testing.assert_array_equal(batch.states[row], state)
            num_compared += 1
    assert num_compared == 1000


def test_starts_are_gymnasiums_noise_around_rest(task: Task) -> None:
    """Starts fill Hopper-v5's uniform noise of 0.005 around its resting pose."""
    batch = MujocoBatch(task, num_environments=2000, rng=np.random.default_rng(0))
    rest = np.array([0, 0, 1.25, 0, 0, 0, 0] + [0] * 6)
    deviation = batch.states - rest
    assert np.all(deviation[:, 0] == 0)
    assert np.abs(deviation[:, 1:]).max(axis=0).min() > 0.0049
    assert np.abs(deviation).max() <= 0.005
    np.testing.assert_allclose(deviation[:, 1:].std(axis=0), 0.005 / np.sqrt(3), rtol=0.05)


def test_same_seed_gives_same_states_whatever_the_threads(task: Task) -> None:
    """The number of threads changes nothing."""
    actions = np.random.default_rng(2).uniform(-1, 1, (50, NUM, task.action_dim))
    states = []
    for threads in (1, 3):
        batch = _batch(task, seed=7, threads=threads)
        for step in actions:
            batch.step(step)
        states.append(batch.states.copy())
    np.testing.assert_array_equal(states[0], states[1])


def test_episode_ends_at_its_length_and_begins_again(task: Task) -> None:
    """All rows end with step 400; their last states are given, and new starts are in place."""
    batch = _batch(task)
    actions = np.zeros((NUM, task.action_dim))
    for _ in range(task.episode_steps - 1):
        assert batch.step(actions) is None
    ended = batch.step(actions)
    assert ended is not None
    assert ended.rows.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(ended.states[:, 0], 3.2)
    np.testing.assert_array_equal(ended.observations[:, 0], ended.states[:, 2])
    assert np.all(batch.states[:, 0] == 0)
    assert np.all(np.abs(batch.observations[:, 0] - 1.25) <= 0.005)
    assert batch.elapsed_steps.tolist() == [0, 0, 0, 0]


def test_staggered_episodes_end_evenly_spread(task: Task) -> None:
    """With 4 environments, one episode of 400 steps ends each 100 steps."""
    batch = _batch(task, is_staggered=True)
    actions = np.zeros((NUM, task.action_dim))
    endings = {}
    for step in range(1, 501):
        ended = batch.step(actions)
        if ended is not None:
            endings[step] = ended.rows.tolist()
    assert endings == {100: [3], 200: [2], 300: [1], 400: [0], 500: [3]}


def test_no_environments_is_refused(task: Task) -> None:
    """The error names the setting."""
    with pytest.raises(InvalidInputError, match="num_environments"):
        MujocoBatch(task, num_environments=0, rng=np.random.default_rng(0))
