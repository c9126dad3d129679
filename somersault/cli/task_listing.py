"""What `somersault tasks` prints about tasks."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from somersault.tasks import AtariEnvironment, GymnasiumEnvironment, MujocoEnvironment, Task
from somersault.tasks.gymnasium import read_spaces
from somersault.tasks.gymnasium_spaces.texts import counted

__all__ = ["as_values", "format_list", "format_task"]

_WIDTH = 100
_PEOPLE_ALONE = "only people can judge"
_KINDS = {
    MujocoEnvironment: "MuJoCo",
    AtariEnvironment: "Atari",
    GymnasiumEnvironment: "Gymnasium",
}
_FOOTER = """\
somersault tasks TASK describes one. Any Gymnasium environment that can render is a task too, by its id such as CartPole-v1,
and so is a Python file that defines TASK, by its path: examples/custom_task.py"""


def format_list(tasks: Sequence[Task]) -> str:
    """Return one line per task, grouped by kind."""
    lines = []
    for kind, title in _KINDS.items():
        of_kind = [task for task in tasks if isinstance(task.environment, kind)]
        if of_kind:
            lines += [title, *(f"  {task.name:18} {task.teacher or _PEOPLE_ALONE}" for task in of_kind), ""]
    return "\n".join([*lines, _FOOTER])


def format_task(task: Task) -> str:
    """Return everything worth knowing before training a task."""
    rows = [
        (name.replace("_", " "), str(value)) for name, value in as_values(task).items() if value is not None
    ]
    body = [f"  {name:20} {_folded(value)}" for name, value in rows]
    return "\n".join([task.title, *body])


def as_values(task: Task) -> dict[str, Any]:
    """Return the same as JSON values."""
    defaults = task.defaults
    return {
        "task": task.name,
        "question": task.question,
        "description": task.description,
        "teacher": task.teacher or _PEOPLE_ALONE,
        "hidden_from_agent": task.hidden,
        "environment": _environment(task),
        "observation": _observation(task),
        "action": _action(task),
        "step_s": round(task.step_s, 6),
        "segment": f"{task.segment_steps} steps, {task.spec.segment_s:.2f} s",
        "episode": _episode(task),
        "clip": f"{task.clip_fps:.4g} frames/s",
        "labels": f"{defaults.labels_by_teacher:,} of a teacher, {defaults.labels_by_people:,} of people",
        "steps": f"{defaults.steps_by_teacher:,} with a teacher, {defaults.steps_by_people:,} with people",
        "reference_return": task.reference_return_mean,
        "random_return": task.random_return_mean,
    }


def _environment(task: Task) -> str:
    environment = task.environment
    name = environment.game if isinstance(environment, AtariEnvironment) else environment.environment_id
    return f"{_KINDS[type(environment)]} {name}"


def _observation(task: Task) -> str:
    if isinstance(task.environment, GymnasiumEnvironment):
        return read_spaces(task)[0].text
    if task.spec.is_image:
        height, width = task.frame_shape
        return f"{task.num_frames} grey pictures of {height} x {width}"
    return f"{task.frame_shape[0]} numbers"


def _action(task: Task) -> str:
    if isinstance(task.environment, GymnasiumEnvironment):
        return read_spaces(task)[1].text
    if task.num_actions:
        return f"one of {task.num_actions}"
    return f"{counted(task.action_dim, 'number')}, clipped to -1 to 1 and spread evenly over each actuator's range"


def _episode(task: Task) -> str:
    if task.is_continuing:
        return f"play never ends; measured over {task.episode_steps:,} steps"
    if task.still_steps:
        return (
            f"at most {task.episode_steps:,} steps; one that ends early stands still for {task.still_s:g} s"
        )
    return f"always {task.episode_steps:,} steps"


def _folded(text: str) -> str:
    return textwrap.fill(text, width=_WIDTH - 23).replace("\n", "\n" + " " * 23)
