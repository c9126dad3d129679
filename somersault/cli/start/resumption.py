"""Resuming a run: its stored settings with the changes that options may make."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from somersault.cli.pages.access import settings_of_sharing
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.ownership import check_ownership
from somersault.cli.run.place import check_place
from somersault.cli.run.store import open_run_store
from somersault.cli.start.budgets import check_budget_covers_use
from somersault.cli.start.preflight import check_run
from somersault.cli.start.task_origin import (
    absolute_task,
    absolute_teacher,
    describe_change,
    digest_of,
    reload_task,
    spec_of,
)
from somersault.cli.start.train_options import TrainOptions, check_teacher, free_web_port
from somersault.errors import ConfigError
from somersault.tasks import Task

__all__ = ["resume_run"]

_OF_SHARING = ("web_host", "public_url", "allowed_origins", "tls_certificate", "tls_key")

_MAY_CHANGE = (
    "label_budget",
    "total_env_steps",
    "num_threads",
    "has_web",
    "web_port",
    "track",
    "storage_url",  # the same objects elsewhere: that they are is compared
    *_OF_SHARING,
)
"""What ``--resume`` may change; anything else would make it a different run. Moved files are handled by `_moved`."""


def resume_run(options: TrainOptions, folder: RunFolder) -> tuple[RunConfig, list[str]]:
    """Lock the folder of an earlier run and return the settings to resume it with; starting it stores them.

    Returns:
        The settings, and notes about them for the user.

    Raises:
        ConfigError: an option would make it a different run.
        SomersaultError: it can't be resumed; the stored settings are unchanged.
    """
    stored = folder.resume()
    check_place(folder.path)
    moved, task, notes = _moved(options, stored)
    given = {
        "label_budget": options.labels,
        "total_env_steps": options.steps,
        "seed": options.seed,
        "pacing": options.pacing,
        "is_reference": options.is_reference or None,
        "has_web": None if options.has_web else False,
        "web_port": options.web_port or free_web_port(stored.web_port),
        "storage_url": options.storage_url and folder.settle_storage(options.storage_url),
        "num_environments": options.num_environments,
        "num_threads": options.num_threads,
        "precision": options.precision,
        "track": options.track,
        **settings_of_sharing(options.sharing),
    }
    changes = _changes(stored, {name: value for name, value in given.items() if value is not None})
    config = dataclasses.replace(stored, **moved, **changes)
    check_budget_covers_use(
        steps=options.steps,
        labels=options.labels,
        progress=folder.read_last_progress(),
        steps_before=stored.total_env_steps,
    )
    check_run(config, folder, task)
    if not options.is_adopted:
        check_ownership(config, folder, store=open_run_store(config), is_trained=True)
    return config, notes


def _moved(options: TrainOptions, stored: RunConfig) -> tuple[dict[str, Any], Task, list[str]]:
    """Return where the run's task and teacher are now, the task, and notes for the user.

    Raises:
        ConfigError: one is gone or differs from the run's.
    """
    task_now = stored.task if options.task is None else absolute_task(options.task)
    teacher_now = stored.teacher if options.teacher is None else absolute_teacher(options.teacher)
    _check_kind("task", was=stored.task, now=task_now, is_file=task_now.endswith(".py"))
    _check_kind("teacher", was=stored.teacher, now=teacher_now, is_file=".py:" in teacher_now)
    task, changed = reload_task(task_now, spec=stored.task_spec, digest=stored.task_sha256)
    _check_teacher_is_there(teacher_now)
    notes = [note for note in (changed, describe_change(teacher_now, stored.teacher_sha256)) if note]
    facts = {
        "task": task_now,
        "task_spec": spec_of(task),
        "task_sha256": digest_of(task_now),
        "teacher": teacher_now,
        "teacher_sha256": digest_of(teacher_now),
    }
    return facts, task, notes


def _check_kind(name: str, *, was: str, now: str, is_file: bool) -> None:
    """Check that nothing but a file's folder has changed."""
    of_file = (Path(was).name, Path(now).name) if is_file else (was, now)
    if of_file[0] != of_file[1]:
        raise _other(name, was, now)


def _check_teacher_is_there(teacher: str) -> None:
    place, _, function = teacher.rpartition(":")
    if place.endswith(".py") and not Path(place).is_file():
        raise ConfigError(
            f"the run's teacher is in {place}, which is gone; if it was moved, give its new place:"
            f" --teacher NEW/{Path(place).name}:{function}"
        )
    check_teacher(teacher)


def _changes(stored: RunConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    changes = {name: value for name, value in given.items() if value != getattr(stored, name)}
    # An older program told no store whose it is, so nothing can be compared.
    fixed = set() if stored.earlier_start_mark else {"storage_url"}
    for name in changes.keys() - (set(_MAY_CHANGE) - fixed):
        raise _other(name, getattr(stored, name), given[name])
    return changes


def _other(name: str, was: object, now: object) -> ConfigError:
    return ConfigError(
        f"{name} was {was!r} when this run began and can't be changed to {now!r}; leave it out, or begin a new run"
    )
