"""The batch takes exactly the steps that Gymnasium takes, on whatever threads its lanes are stepped."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from services.simulator.environments import EnvironmentBatch, Passage, open_environment, steps_already_taken
from somersault.errors import InvalidInputError
from somersault.tasks import MujocoEnvironment, Task, get_task, list_tasks

NUM = 4

MUJOCO_TASKS = [task for task in list_tasks() if isinstance(task.environment, MujocoEnvironment)]
EIGHT = ["ant", "cheetah", "double-pendulum", "hopper", "pendulum", "reacher", "swimmer", "walker"]


def _batch(task: Task, *, seed: int = 0, num: int = NUM, is_staggered: bool = False) -> EnvironmentBatch:
    return open_environment(
        task, num_environments=num, rng=np.random.default_rng(seed), is_staggered=is_staggered
    )


def _play(batch: EnvironmentBatch, actions: np.ndarray) -> tuple[np.ndarray, Passage]:
    """Steps every lane through ``actions [T, N, A]``; gives the observations ``[T + 1, N, O]`` and the passage."""
    num_steps = len(actions)
    observations = np.empty((num_steps + 1, batch.num_environments, *batch.task.frame_shape), np.float32)
    batch.begin(num_steps)
    for lane in batch.lanes:
        for step in range(num_steps):
            lane.observe(observations[step, lane.rows])
            lane.step(actions[step, lane.rows])
    passage = batch.finish()
    observations[-1] = passage.next_observations
    return observations, passage


def _random_actions(task: Task, *, steps: int, num: int = NUM) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (steps, num, task.action_dim)).astype(np.float32)


def _gymnasium_of(task: Task) -> gymnasium.Env:
    assert isinstance(task.environment, MujocoEnvironment)
    options = {"include_cfrc_ext_in_observation": False} if task.name == "ant" else {}
    return gymnasium.make(task.environment.environment_id, **options).unwrapped


@pytest.mark.parametrize("name", EIGHT)
def test_random_steps_equal_gymnasium_bit_for_bit(name: str) -> None:
    """From the same state with a zero warm start, observations and states equal those of the v5 environment."""
    task = get_task(name)
    steps = min(task.episode_steps - 1, 100)
    actions = _random_actions(task, steps=steps)
    observations, passage = _play(_batch(task), actions)
    env = _gymnasium_of(task)
    env.reset(seed=0)
    num_positions = env.model.nq
    for row in range(NUM):
        states = passage.footage.part(row, 0, steps)["states"]
        for step in range(steps):
            env.data.time = states[step, 0]
            env.data.qpos[:] = states[step, 1 : 1 + num_positions]
            env.data.qvel[:] = states[step, 1 + num_positions :]
            env.data.qacc_warmstart[:] = 0
            observation, *_ = env.step(actions[step, row].astype(np.float64) * env.action_space.high)
            np.testing.assert_array_equal(observations[step + 1, row], observation.astype(np.float32))
            state = np.concatenate(([env.data.time], env.data.qpos, env.data.qvel))
            np.testing.assert_array_equal(states[step + 1], state)


@pytest.mark.parametrize("name", EIGHT)
def test_starts_are_those_of_gymnasium(name: str) -> None:
    """The same generator gives the same first state and observation as ``env.reset``, bit for bit."""
    task, env = get_task(name), _gymnasium_of(get_task(name))
    observation, _ = env.reset(seed=5)
    observations, passage = _play(_batch(task, seed=5, num=1), _random_actions(task, steps=1, num=1))
    state = passage.footage.part(0, 0, 1)["states"][0]
    np.testing.assert_array_equal(state, np.concatenate(([0.0], env.data.qpos, env.data.qvel)))
    np.testing.assert_array_equal(observations[0, 0], observation.astype(np.float32))


def test_starts_fill_their_noise(task: Task) -> None:
    """2,000 starts fill Hopper-v5's uniform noise of 0.005 around its resting pose."""
    _, passage = _play(_batch(task, num=2000), np.zeros((1, 2000, 3), np.float32))
    starts = np.stack([passage.footage.part(row, 0, 1)["states"][0] for row in range(2000)])
    deviation = starts - np.array([0, 0, 1.25] + [0] * 10)
    assert np.all(deviation[:, 0] == 0)
    assert np.abs(deviation[:, 1:]).max(axis=0).min() > 0.0049
    assert np.abs(deviation).max() <= 0.005
    np.testing.assert_allclose(deviation[:, 1:].std(axis=0), 0.005 / np.sqrt(3), rtol=0.05)


def test_lanes_cover_all_rows_once(task: Task) -> None:
    """70 environments make three lanes of at most 24."""
    lanes = _batch(task, num=70).lanes
    assert [lane.rows for lane in lanes] == [slice(0, 23), slice(23, 46), slice(46, 70)]


def test_results_do_not_depend_on_passages_nor_on_the_order_of_lanes(task: Task) -> None:
    """Two lanes through 120 steps at once, and backwards through passages of 50 and 70, with episodes ending."""
    actions = _random_actions(task, steps=120, num=40)
    whole, passage = _play(_batch(task, seed=7, num=40, is_staggered=True), actions)
    batch = _batch(task, seed=7, num=40, is_staggered=True)
    parts, rewards = [], []
    for piece in (actions[:50], actions[50:]):
        batch.begin(len(piece))
        observations = np.empty((len(piece), 40, 11), np.float32)
        for lane in reversed(batch.lanes):
            for step, action in enumerate(piece):
                lane.observe(observations[step, lane.rows])
                lane.step(action[lane.rows])
        parts.append(observations)
        rewards.append(batch.finish().true_rewards)
    assert passage.is_truncated.sum() == 12  # 40 episodes, one each 10 steps
    np.testing.assert_array_equal(np.concatenate(parts), whole[:-1])
    np.testing.assert_array_equal(np.concatenate(rewards), passage.true_rewards)


def test_episode_ends_at_its_length_and_begins_again(task: Task) -> None:
    """All rows end with step 400; their last frames and states are kept, and new starts are in place."""
    observations, passage = _play(_batch(task), np.zeros((401, NUM, task.action_dim), np.float32))
    assert passage.is_truncated.sum() == NUM
    assert passage.is_truncated[399].all()
    np.testing.assert_array_equal(passage.is_over, passage.is_truncated)
    for row in range(NUM):
        before = passage.footage.part(row, 300, 400)["states"]
        after = passage.footage.part(row, 400, 401)["states"]
        assert before[-1, 0] == pytest.approx(3.2)
        np.testing.assert_allclose(after[:, 0], [0, 0.008])
        assert passage.final_observations[row, 0] == np.float32(before[-1, 2])
        assert observations[400, row, 0] == np.float32(after[0, 2])
        assert abs(after[0, 2] - 1.25) <= 0.005


def test_footage_of_pieces_joins_to_that_of_the_whole(task: Task) -> None:
    """Pieces of 30 and 70 steps give the states of 100."""
    _, passage = _play(_batch(task), _random_actions(task, steps=100))
    footage = passage.footage
    joined = footage.join([footage.part(2, 0, 30), footage.part(2, 30, 100)])
    np.testing.assert_array_equal(joined["states"], footage.part(2, 0, 100)["states"])
    assert joined["states"].shape == (101, 13)


def test_staggered_episodes_end_evenly_spread(task: Task) -> None:
    """With 4 environments, one episode of 400 steps ends each 100 steps, the last row's first."""
    _, passage = _play(_batch(task, is_staggered=True), np.zeros((500, NUM, 3), np.float32))
    steps, rows = passage.is_truncated.nonzero()
    assert steps.tolist() == [99, 199, 299, 399, 499]
    assert rows.tolist() == [3, 2, 1, 0, 3]
    assert steps_already_taken(task, NUM, is_staggered=True).tolist() == [0, 100, 200, 300]


@pytest.mark.parametrize("task", MUJOCO_TASKS, ids=lambda task: task.name)
def test_each_task_is_played_and_paid(task: Task) -> None:
    """A whole episode gives finite observations of the declared length, and rewards that are not all the same."""
    actions = _random_actions(task, steps=task.episode_steps, num=2)
    observations, passage = _play(_batch(task, num=2), actions)
    assert observations.shape[2:] == task.spec.frame_shape
    assert np.isfinite(observations).all()
    assert np.isfinite(passage.true_rewards).all()
    assert passage.true_rewards.dtype == np.float32
    assert passage.true_rewards.std() > 0


def test_none_at_all_is_refused(task: Task) -> None:
    """The error names the setting."""
    with pytest.raises(InvalidInputError, match="num_environments is 0"):
        open_environment(task, rng=np.random.default_rng(0), num_environments=0)
