"""Tasks are found by name, and declare what fits together."""

from __future__ import annotations

import dataclasses

import gymnasium
import pytest

from somersault.errors import InvalidInputError
from somersault.tasks import MujocoEnvironment, Task, get_task, list_tasks


def test_unknown_task_is_refused_with_the_known_ones() -> None:
    """The message helps."""
    with pytest.raises(InvalidInputError, match=r"task is 'hoper'.*hopper-backflip"):
        get_task("hoper")


def test_backflip_has_the_papers_timing() -> None:
    """1.5 s at 0.008 s a step are 187.5, so 188 steps; 25 frames a second in clips."""
    task = get_task("hopper-backflip")
    assert task.segment_steps == 188
    assert task.clip_fps == 25
    assert task.spec.segment_s == pytest.approx(1.504)


_MUJOCO_TASKS = [task for task in list_tasks() if isinstance(task.environment, MujocoEnvironment)]


def test_the_papers_eight_and_three_new_behaviours_are_there() -> None:
    """Christiano et al. 2017, appendix A, and the tricks of the articles."""
    eight = {"ant", "cheetah", "double-pendulum", "hopper", "pendulum", "reacher", "swimmer", "walker"}
    tricks = {"cheetah-one-leg", "hopper-backflip", "walker-ballet"}
    assert {task.name for task in _MUJOCO_TASKS} == eight | tricks


@pytest.mark.parametrize("task", _MUJOCO_TASKS, ids=lambda task: task.name)
def test_task_fits_its_gymnasium_environment(task: Task) -> None:
    """Observation, action and step are those of the environment it names."""
    assert isinstance(task.environment, MujocoEnvironment)
    options = {"include_cfrc_ext_in_observation": False} if task.name == "ant" else {}
    env = gymnasium.make(task.environment.environment_id, **options)
    assert env.observation_space.shape == task.spec.frame_shape
    assert env.action_space.shape == task.spec.action_shape
    assert env.unwrapped.dt == pytest.approx(task.step_s)
    assert env.unwrapped.frame_skip == task.environment.frame_skip
    env.close()


@pytest.mark.parametrize("task", _MUJOCO_TASKS, ids=lambda task: task.name)
def test_clips_show_one_to_two_seconds_smoothly(task: Task) -> None:
    """People judge 1 to 2 s at 15 or more frames a second, and two segments fit into an episode or one fills it."""
    assert 1.0 <= task.spec.segment_s <= 2.0
    assert 15 <= task.clip_fps <= 60
    assert task.segment_steps == task.episode_steps or 2 * task.segment_steps <= task.episode_steps


def test_task_holds_no_reward() -> None:
    """The true reward is no part of what every service can read."""
    fields = {field.name for field in dataclasses.fields(Task)}
    assert {name for name in fields if "reward" in name} == set()
