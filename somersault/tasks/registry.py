"""Finds a task: a built-in one by its name, a user's by its file or entry point, any other by its Gymnasium id."""

from __future__ import annotations

import difflib
import re
from importlib import metadata

from somersault.errors import InvalidInputError
from somersault.tasks.atari import ATARI_TASKS
from somersault.tasks.custom import load_task
from somersault.tasks.mujoco.ant import ANT
from somersault.tasks.mujoco.cheetah import CHEETAH, CHEETAH_ONE_LEG
from somersault.tasks.mujoco.hopper import HOPPER, HOPPER_BACKFLIP
from somersault.tasks.mujoco.pendulums import DOUBLE_PENDULUM, PENDULUM
from somersault.tasks.mujoco.reacher import REACHER
from somersault.tasks.mujoco.swimmer import SWIMMER
from somersault.tasks.mujoco.walker import WALKER, WALKER_BALLET
from somersault.tasks.practice import PACKAGED, PracticePair
from somersault.tasks.task import Task

__all__ = ["find_practice", "get_task", "is_own_task", "list_tasks"]

_ENTRY_POINTS = "somersault.tasks"
"""Group under which an installed package names its tasks: ``name = "package.module:TASK"``."""

_GYMNASIUM_ID = re.compile(r"([\w.]+:)?([\w.-]+/)?[\w.-]+-v\d+")

_MUJOCO_TASKS = (
    ANT,
    CHEETAH,
    CHEETAH_ONE_LEG,
    DOUBLE_PENDULUM,
    HOPPER,
    HOPPER_BACKFLIP,
    PENDULUM,
    REACHER,
    SWIMMER,
    WALKER,
    WALKER_BALLET,
)
_TASKS: dict[str, Task] = {task.name: task for task in (*_MUJOCO_TASKS, *ATARI_TASKS)}


def get_task(name: str) -> Task:
    """Return the task of that name.

    Args:
        name: one of `list_tasks`; the path of a Python file that holds a ``TASK``; or a Gymnasium id, such as
            "CartPole-v1".

    Raises:
        InvalidInputError: there is no such task, or the file holds none; the message says what there is.
    """
    if name in _TASKS:
        return _TASKS[name]
    if name.endswith(".py"):
        return load_task(name)
    for point in metadata.entry_points(group=_ENTRY_POINTS):
        if point.name == name:
            return _checked(point)
    if _GYMNASIUM_ID.fullmatch(name):
        from somersault.tasks.gymnasium import gymnasium_task

        return gymnasium_task(name)
    raise InvalidInputError("task", name, _known(name))


def is_own_task(name: str) -> bool:
    """Return whether a name is that of a task that comes with Somersault."""
    return name in _TASKS


def list_tasks() -> tuple[Task, ...]:
    """Return the built-in tasks and those of installed packages, sorted by name."""
    installed = [_checked(point) for point in metadata.entry_points(group=_ENTRY_POINTS)]
    tasks = {task.name: task for task in installed} | _TASKS
    return tuple(tasks[name] for name in sorted(tasks))


def find_practice(name: str) -> tuple[PracticePair, ...]:
    """Return the practice pairs of a task, given its name; empty if there are none.

    Unlike `get_task`, this makes no environment for a Gymnasium id.
    """
    if name in _TASKS:
        return _TASKS[name].practice
    for point in metadata.entry_points(group=_ENTRY_POINTS):
        if point.name == name:
            return _checked(point).practice
    return PACKAGED.get(name, ())


def _checked(point: metadata.EntryPoint) -> Task:
    """Load an entry point.

    Raises:
        InvalidInputError: it isn't a task, or not of the name under which it is registered.
    """
    task = point.load()
    if not isinstance(task, Task) or task.name != point.name:
        raise InvalidInputError(f"entry point {point.value}", task, f"a Task named {point.name}")
    return task


def _known(name: str) -> str:
    """Return, in words, which names there are and which one may have been meant."""
    close = difflib.get_close_matches(name, _TASKS, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    others = "the path of a Python file with a TASK, or a Gymnasium id such as CartPole-v1"
    return f"one of {', '.join(sorted(_TASKS))}; {others}{hint}"
