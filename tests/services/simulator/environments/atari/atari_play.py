"""Plays games with random actions for the tests of Atari environments."""

from __future__ import annotations

import numpy as np

from services.simulator.environments import EnvironmentBatch, Passage, open_environment
from somersault.tasks import Task


def open_games(task: Task, *, num: int = 3, seed: int = 0) -> EnvironmentBatch:
    """Open a batch."""
    rng = np.random.default_rng(seed)
    return open_environment(task, num_environments=num, rng=rng)


def play(batch: EnvironmentBatch, actions: np.ndarray) -> tuple[np.ndarray, Passage]:
    """Step every lane through ``actions [T, N]``; return the frames ``[T + 1, N, H, W]`` and the passage."""
    num_steps = len(actions)
    frames = np.empty((num_steps + 1, batch.num_environments, *batch.task.frame_shape), np.uint8)
    batch.begin(num_steps)
    for lane in batch.lanes:
        for step in range(num_steps):
            lane.observe(frames[step, lane.rows])
            lane.step(actions[step, lane.rows])
    passage = batch.finish()
    frames[-1] = passage.next_observations
    return frames, passage


def random_actions(task: Task, *, steps: int, num: int = 3, seed: int = 1) -> np.ndarray:
    """Draw ``[T, N]`` int32."""
    return np.random.default_rng(seed).integers(task.num_actions, size=(steps, num), dtype=np.int32)
