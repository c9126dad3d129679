"""`somersault.make_env` and the simulator step a task alike, whatever kind of environment it has."""

from __future__ import annotations

import numpy as np
import pytest

from services.simulator.environment import open_environment
from somersault.environments.making import make_env
from somersault.frames import observations_of
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
    observed = [env.reset(seed=SEED)[0]] + [env.step(action)[0] for action in actions]
    env.close()
    assert observed[0].dtype == env.observation_space.dtype
    assert observed[0].shape == env.observation_space.shape
    np.testing.assert_array_equal(np.stack(observed), expected)
