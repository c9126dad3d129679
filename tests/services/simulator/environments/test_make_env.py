"""`somersault.make_env` and the simulator step a task alike, whatever kind of environment it has."""

from __future__ import annotations

import numpy as np
import pytest

from services.simulator.environments import open_environment
from somersault.domain.frames import observations_of
from somersault.environments.factory import make_env
from somersault.tasks import MujocoEnvironment, Task, get_task, list_tasks

MUJOCO = [task.name for task in list_tasks() if isinstance(task.environment, MujocoEnvironment)]
OTHERS = ["pong", "breakout", "CartPole-v1", "Pendulum-v1"]
SEED = 5


def _actions(task: Task, num_steps: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    if task.num_actions:
        return rng.integers(task.num_actions, size=num_steps).astype(np.int32)
    return rng.uniform(-1.5, 1.5, (num_steps, task.action_dim)).astype(np.float32)


def _simulated(task: Task, actions: np.ndarray) -> np.ndarray:
    """Play in a simulator's batch of one; give the observations ``[T + 1, *observation]``."""
    batch = open_environment(task, num_environments=1, rng=np.random.default_rng(SEED))
    num_steps, num_before = len(actions), task.num_frames - 1
    frames = np.empty((num_steps + 1, *task.frame_shape), task.spec.frame_dtype)
    batch.begin(num_steps)
    (lane,) = batch.lanes
    for step in range(num_steps):
        lane.observe(frames[step : step + 1])
        executed = actions[step : step + 1]
        lane.step(executed if task.num_actions else np.clip(executed, -1, 1))
    frames[num_steps] = batch.finish().next_observations[0]
    batch.close()
    whole = np.concatenate([np.repeat(frames[:1], num_before, axis=0), frames])
    return observations_of(whole, num_frames=task.num_frames)


@pytest.mark.parametrize("name", [*MUJOCO, *OTHERS])
def test_environment_observes_what_the_simulator_does_bit_for_bit(name: str) -> None:
    """The same seed and actions, some of them out of bounds, give the same observations."""
    task = get_task(name)
    actions = _actions(task, min(120, task.episode_steps - 1))
    expected = _simulated(task, actions)
    env = make_env(task)
    observed = [env.reset(seed=SEED)[0]]
    for action in actions:
        observation, _, is_terminated, is_truncated, _ = env.step(action)
        assert not is_terminated
        observed.append(env.reset()[0] if is_truncated else observation)
    env.close()
    assert observed[0].dtype == env.observation_space.dtype
    assert observed[0].shape == env.observation_space.shape
    np.testing.assert_array_equal(np.stack(observed), expected)


def test_environment_stands_still_where_an_episode_ends_early() -> None:
    """CartPole with one push only falls within 10 steps; half a second later it is truncated, never terminated."""
    task = get_task("CartPole-v1")
    env = make_env(task)
    env.reset(seed=SEED)
    steps = []
    while not steps or not steps[-1][3]:
        steps.append(env.step(np.int32(1)))
    env.close()
    is_still = [info.get("is_still", False) for *_, info in steps]
    assert is_still == [False] * (len(steps) - 25) + [True] * 25
    assert len(steps) - 25 <= 10
    assert not any(is_terminated for _, _, is_terminated, _, _ in steps)
    for observation, *_ in steps[-25:]:
        np.testing.assert_array_equal(observation, steps[-26][0])
