"""Each task of ours has a true reward, and a custom task's is found where the task says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from services.simulator.true_rewards import Steps, true_reward_of
from somersault.errors import InvalidInputError
from somersault.tasks import MujocoEnvironment, Task, list_tasks


def _steps() -> Steps:
    return Steps(
        np.ones((2, 11), np.float32), np.ones((2, 3), np.float32), np.zeros((2, 13)), np.ones((2, 13))
    )


def test_every_mujoco_task_has_a_true_reward() -> None:
    """A task without one could not be measured."""
    tasks = [task for task in list_tasks() if isinstance(task.environment, MujocoEnvironment)]
    assert len(tasks) >= 11
    for each in tasks:
        assert callable(true_reward_of(each))


def test_teacher_of_ones_own_is_loaded_from_its_file(task: Task, tmp_path: Path) -> None:
    """The function is given the steps and its answer is the reward."""
    source = tmp_path / "teacher.py"
    source.write_text("def pay(steps):\n    return steps.next_states[..., 1] + 41\n")
    own = dataclasses.replace(task, name="own", teacher_source=f"{source}:pay")
    assert true_reward_of(own)(_steps()).tolist() == [42, 42]


def test_task_that_only_people_judge_is_paid_nothing(task: Task) -> None:
    """Its true reward is 0 throughout."""
    own = dataclasses.replace(task, name="own", teacher=None)
    assert true_reward_of(own)(_steps()).tolist() == [0, 0]


def test_task_of_ones_own_without_a_teacher_is_refused(task: Task) -> None:
    """The error says what to name."""
    with pytest.raises(InvalidInputError, match="teacher_source"):
        true_reward_of(dataclasses.replace(task, name="own"))
