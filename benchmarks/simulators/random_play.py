"""Plays a task with actions that nobody chose, for benchmarks and pictures of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.simulator.environments import EnvironmentBatch, open_environment
from somersault.tasks import Task

__all__ = ["Played", "play_segments"]


@dataclass(frozen=True, slots=True)
class Played:
    """A segment that was played."""

    footage: Mapping[str, NDArray[Any]]
    """What shows it again."""
    num_still_steps: int
    """How many of its last steps stand still, since the episode had ended."""


def play_segments(task: Task, *, num_segments: int, seed: int = 0) -> list[Played]:
    """Play so many consecutive segments of one environment; where episodes may end early each begins one.

    Args:
        task: What is played.
        num_segments: How many.
        seed: Of the environment and of the actions, which sway between -1 and 1 or last half a second each.
    """
    rng = np.random.default_rng(seed)
    if task.still_steps and num_segments > 1:
        seeds = rng.integers(2**31, size=num_segments).tolist()
        return [play_segments(task, num_segments=1, seed=each)[0] for each in seeds]
    environment = open_environment(task, num_environments=1, rng=rng)
    try:
        return [_play_segment(environment, rng) for _ in range(num_segments)]
    finally:
        environment.close()


def _play_segment(environment: EnvironmentBatch, rng: np.random.Generator) -> Played:
    """Play one segment, at most to the end of its episode."""
    task, num_steps = environment.task, environment.task.segment_steps
    actions = _choices(task, rng) if task.num_actions else _swaying(task, rng)
    frame = np.empty((1, *task.spec.frame_shape), task.spec.frame_dtype)
    environment.begin(num_steps)
    (lane,) = environment.lanes
    for action in actions:
        lane.observe(frame)
        lane.step(action[None])
    passage = environment.finish()
    still = np.flatnonzero(passage.is_still[:, 0])
    end = (
        int(np.flatnonzero(passage.is_over[:, 0])[0]) + 1
        if len(still) and passage.is_over.any()
        else num_steps
    )
    footage = passage.footage.join([passage.footage.part(0, 0, end)])
    return Played(footage, num_steps - int(still[0]) if len(still) else 0)


def _choices(task: Task, rng: np.random.Generator) -> NDArray[np.int32]:
    """Return ``[T]`` int32."""
    held = max(1, round(0.5 / task.step_s))
    drawn = rng.integers(task.num_actions, size=-(-task.segment_steps // held))
    return drawn.repeat(held)[: task.segment_steps].astype(np.int32)


def _swaying(task: Task, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return ``[T, A]`` float32."""
    times = np.arange(task.segment_steps)[:, None] * task.step_s
    rates_hz, phases = rng.uniform(0.5, 2.0, task.action_dim), rng.uniform(0.0, 2 * np.pi, task.action_dim)
    return np.sin(2 * np.pi * rates_hz * times + phases).astype(np.float32)
