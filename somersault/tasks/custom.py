"""Loads a task from a user's file: `somersault train path/to/task.py`.

The file holds ``TASK = Task(...)``. Its true reward stays in another file, which ``TASK.teacher_source`` names
and the simulator alone loads, so that neither the learner nor the reward service can see it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from somersault.errors import InvalidInputError
from somersault.tasks.task import Task

__all__ = ["load_function", "load_task", "load_teacher"]


def load_task(path: str) -> Task:
    """Return the ``TASK`` of a Python file, with the paths that it names made absolute.

    Raises:
        InvalidInputError: the file can't be loaded, or holds no task.
    """
    module = _load_file("task", Path(path))
    task = getattr(module, "TASK", None)
    if not isinstance(task, Task):
        raise InvalidInputError(f"TASK in {path}", task, "a somersault.tasks.Task")
    return task.based_at(Path(path).resolve().parent)


def load_function(reference: str) -> Callable[..., Any]:
    """Return the function that ``FILE.py:NAME`` or ``package.module:NAME`` names.

    Raises:
        InvalidInputError: there is none.
    """
    place, _, name = reference.rpartition(":")
    if not place:
        raise InvalidInputError("function", reference, "FILE.py:NAME or package.module:NAME")
    if place.endswith(".py"):
        module = _load_file("file of the function", Path(place))
    else:
        try:
            module = importlib.import_module(place)
        except ImportError as error:
            raise InvalidInputError(f"function {reference}: {error}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise InvalidInputError(f"{name} in {place}", function, "a function")
    return function  # type: ignore[no-any-return]


def load_teacher(reference: str) -> Callable[..., Any]:
    """Return a teacher's function: one of (left_true_rewards, right_true_rewards, rng).

    Raises:
        InvalidInputError: there is none, or it takes other arguments.
    """
    function = load_function(reference)
    try:
        inspect.signature(function).bind(None, None, None)
    except (TypeError, ValueError) as error:
        bound = "a function of (left_true_rewards, right_true_rewards, rng)"
        raise InvalidInputError("teacher", reference, bound) from error
    return function


def _load_file(field: str, path: Path) -> ModuleType:
    """Run a Python file as a module of its own, without adding its folder to the import path.

    Raises:
        InvalidInputError: it is missing or fails.
    """
    if not path.is_file():
        raise InvalidInputError(field, str(path), "the path of an existing Python file")
    name = f"somersault_custom_{path.stem}_{abs(hash(path.resolve()))}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's file raises
        del sys.modules[name]
        raise InvalidInputError(f"{field} {path} fails: {type(error).__name__}: {error}") from error
    return module
