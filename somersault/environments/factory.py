"""Makes a Gymnasium environment of a task or of a run."""

from __future__ import annotations

from pathlib import Path

from somersault.environments.task_environment import TaskEnvironment
from somersault.environments.world import World
from somersault.errors import InvalidInputError, UnavailableError
from somersault.runs import Run, load_run
from somersault.tasks import AtariEnvironment, MujocoEnvironment, Task, get_task

__all__ = ["make_env"]


def make_env(task_or_run: str | Path | Task | Run, *, render_mode: str | None = None) -> TaskEnvironment:
    """Make a Gymnasium environment of a task, as the agent sees it in a run.

    Args:
        task_or_run: The name of a task, a Gymnasium id, a Python file that holds a ``TASK``, the folder of a
            run, or what `somersault.load_run` or `somersault.tasks.get_task` returned.
        render_mode: ``rgb_array`` for pictures, None for none.

    Raises:
        InvalidInputError: There is no such task or run, or its environment isn't available.
        UnavailableError: A package that it needs is missing.
    """
    if render_mode not in (None, "rgb_array"):
        raise InvalidInputError("render_mode", render_mode, "rgb_array or None")
    task = _task_of(task_or_run)
    try:
        world = _open_world(task, has_pictures=render_mode is not None)
    except ImportError as error:
        hint = "pip install 'somersault[simulator,gymnasium]'"
        raise UnavailableError(f"{task.name} can't be played: {error}; {hint}") from error
    return TaskEnvironment(task, world, render_mode=render_mode)


def _task_of(task_or_run: str | Path | Task | Run) -> Task:
    if isinstance(task_or_run, Task):
        return task_or_run
    if isinstance(task_or_run, Run):
        return task_or_run.task
    if isinstance(task_or_run, Path) or Path(task_or_run).is_dir():
        return load_run(task_or_run).task
    return get_task(task_or_run)


def _open_world(task: Task, *, has_pictures: bool) -> World:
    """Open a task's environment; its libraries are loaded only now."""
    if isinstance(task.environment, MujocoEnvironment):
        from somersault.environments.mujoco_world import MujocoWorld

        return MujocoWorld(task, has_pictures=has_pictures)
    if isinstance(task.environment, AtariEnvironment):
        from somersault.environments.atari_world import AtariWorld

        return AtariWorld(task)
    from somersault.environments.gymnasium_world import GymnasiumWorld

    return GymnasiumWorld(task)
