"""Where a run's task and teacher came from, so that a custom file is recognised after it was moved."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from somersault.errors import ConfigError, InvalidInputError
from somersault.tasks import Task, get_task
from somersault.tasks.checks import check_task

__all__ = ["absolute_task", "absolute_teacher", "describe_change", "digest_of", "reload_task", "spec_of"]


def absolute_task(task: str) -> str:
    """Return the name by which every process of a run finds the task, now and after ``--resume``."""
    return str(Path(task).resolve()) if task.endswith(".py") else task


def absolute_teacher(teacher: str) -> str:
    """Return the name by which the teacher's process finds it, now and after ``--resume``."""
    place, _, name = teacher.rpartition(":")
    return f"{Path(place).resolve()}:{name}" if place.endswith(".py") else teacher


def digest_of(reference: str) -> str:
    """Return the SHA-256 of a task's or teacher's file; "" if it has none."""
    path = _file_of(reference)
    if path is None or not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def spec_of(task: Task) -> dict[str, Any]:
    """Return a task's spec as JSON values."""
    spec = dataclasses.asdict(task.spec)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in spec.items()}


def reload_task(reference: str, *, spec: Mapping[str, Any] | None, digest: str) -> tuple[Task, str | None]:
    """Load a run's task again.

    Args:
        reference: Where it should be now.
        spec: Its spec when the run began; None if an older version did not store it.
        digest: Its file's SHA-256 then, "" if there was none.

    Returns:
        The task, and a note about it for the user, or None.

    Raises:
        ConfigError: it isn't there or is a different task.
    """
    path = _file_of(reference)
    if path is not None and not path.is_file():
        raise ConfigError(
            f"the run's task is in {path}, which is gone; if it was moved, give its new place:"
            f" somersault train NEW/{path.name} --run-dir DIR --resume"
        )
    try:
        task = get_task(reference)
    except InvalidInputError as error:
        if path is not None:
            raise
        raise ConfigError(
            f"the run's task {reference} can't be found any more; reinstall the package that provides it"
            f" ({str(error)[:300]})"
        ) from error
    check_task(task)
    _check_same(task, spec)
    return task, describe_change(reference, digest)


def describe_change(reference: str, digest: str) -> str | None:
    """Return a note about a file whose contents have changed; None if they haven't or it is unknown."""
    if not digest or digest_of(reference) == digest:
        return None
    return (
        f"warning: {_file_of(reference)} has changed since this run began; what the run learned so far came from the"
        " old version"
    )


def _check_same(task: Task, spec: Mapping[str, Any] | None) -> None:
    if spec is None:
        return
    now = spec_of(task)
    for name in now.keys() & spec.keys():
        if now[name] != spec[name]:
            raise ConfigError(
                f"{name} of the task was {spec[name]!r} when this run began and is {now[name]!r} now; begin a new"
                " run, or restore the task that it began with"
            )


def _file_of(reference: str) -> Path | None:
    """Return the file of a task ``FILE.py`` or a teacher ``FILE.py:FUNCTION``; None for any other."""
    for place in (reference, reference.rpartition(":")[0]):
        if place.endswith(".py"):
            return Path(place)
    return None
