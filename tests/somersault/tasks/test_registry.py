"""Tasks are found by name, and declare what fits together."""

from __future__ import annotations

import dataclasses

import gymnasium
import pytest

from somersault.errors import InvalidInputError
from somersault.tasks import Task, get_task, list_tasks


def test_unknown_task_is_refused_with_the_known_ones() -> None:
    """The message helps."""
    with pytest.raises(InvalidInputError, match=r"task is 'hoper'.*hopper-backflip"):
        get_task("hoper")


def test_backflip_has_the_papers_timing() -> None:
    """1.5 s at 0.008 s a step are 187.5, so 188 steps; 31.25 frames a second in clips."""
    task = get_task("hopper-backflip")
    assert task.segment_steps == 188
    assert task.clip_fps == 31.25
    assert task.spec.segment_s == pytest.approx(1.504)


@pytest.mark.parametrize("task", list_tasks(), ids=lambda task: task.name)
def test_task_fits_its_gymnasium_environment(task: Task) -> None:
    """Observation, action and step are those of the environment it names."""
    env = gymnasium.make(task.environment_id)
    assert env.observation_space.shape == (task.observation_dim,)
    assert env.action_space.shape == (task.action_dim,)
    assert env.unwrapped.dt == pytest.approx(task.step_s)
    assert env.unwrapped.frame_skip == task.frame_skip
    env.close()


def test_task_holds_no_reward() -> None:
    """The hidden reward is no part of what every service can read."""
    fields = {field.name for field in dataclasses.fields(Task)}
    assert {name for name in fields if "reward" in name} == set()
