"""Finds a task by its name."""

from __future__ import annotations

from somersault.errors import InvalidInputError
from somersault.tasks.hopper import HOPPER_BACKFLIP
from somersault.tasks.task import Task

__all__ = ["get_task", "list_tasks"]

_TASKS: dict[str, Task] = {task.name: task for task in (HOPPER_BACKFLIP,)}


def get_task(name: str) -> Task:
    """Gives the task of that name.

    Raises:
        InvalidInputError: No task has that name; the message names those there are.
    """
    try:
        return _TASKS[name]
    except KeyError:
        raise InvalidInputError("task", name, f"one of {', '.join(sorted(_TASKS))}") from None


def list_tasks() -> tuple[Task, ...]:
    """Gives all tasks, by name."""
    return tuple(_TASKS[name] for name in sorted(_TASKS))
