"""The settings of a run: from the options of ``somersault train`` and, for the rest, the task's defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from somersault.cli.budgets import check_budget, check_nothing_is_taken_back
from somersault.cli.curves import check_tracker
from somersault.cli.labels.given import keep, open_given
from somersault.cli.pages.access import NOT_SHARED, ShareOptions, settings_of_sharing
from somersault.cli.ports import choose_ports, is_free
from somersault.cli.processes import num_usable_cores, secrets_of_store
from somersault.cli.run_folder import RunConfig, RunFolder
from somersault.errors import ConfigError, InvalidInputError
from somersault.storage import ObjectStore, open_store
from somersault.tasks import TrainingDefaults, get_task
from somersault.tasks.custom import load_function
from somersault.teacher_kinds import is_function, parse_teacher
from somersault.types import Precision

__all__ = [
    "DEFAULT_WEB_PORT",
    "TrainOptions",
    "begin_run",
    "check_options",
    "check_web_port",
    "free_web_port",
    "open_run_store",
    "resume_run",
]

DEFAULT_WEB_PORT = 8400
PACINGS = ("lockstep", "free")
PRECISIONS = get_args(Precision)

_OF_SHARING = ("web_host", "public_url", "allowed_origins", "tls_certificate", "tls_key")

_MAY_CHANGE = ("label_budget", "total_env_steps", "num_threads", "has_web", "web_port", "track", *_OF_SHARING)
"""What ``--resume`` may say anew; the rest would make another run of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """What was given on the command line; None where it was not."""

    task: str
    teacher: str | None = None
    labels: int | None = None
    steps: int | None = None
    seed: int | None = None
    run_dir: Path | None = None
    pacing: str | None = None
    is_resumed: bool = False
    has_web: bool = True
    web_port: int | None = None
    is_json: bool = False
    is_reference: bool = False
    storage_url: str | None = None
    num_environments: int | None = None
    num_threads: int | None = None
    precision: str | None = None
    track: str | None = None
    labels_from: tuple[Path, ...] = ()
    sharing: ShareOptions = NOT_SHARED


def check_options(options: TrainOptions) -> None:
    """Refuse what can't be, before anything is touched.

    Raises:
        SomersaultError: an option can't be used, or not beside another.
    """
    task = get_task(options.task)
    if task.teacher is None and (options.is_reference or options.teacher not in {None, "none"}):
        raise ConfigError(
            f"{task.name} has no hidden reward, so neither a teacher nor --true-reward can judge it; you can"
        )
    if options.is_resumed and options.run_dir is None:
        raise ConfigError("--resume needs --run-dir: the folder of the run to go on with")
    if options.labels_from and (options.is_resumed or options.is_reference):
        raise ConfigError(
            "--labels-from is for a new run that learns from labels;"
            f" {'`somersault import RUN FILE` brings more into one that has begun' if options.is_resumed else '--true-reward learns from none'}"
        )
    settings_of_sharing(options.sharing)
    _check_teacher(options.teacher)
    _check_choice("--pacing", options.pacing, PACINGS)
    _check_choice("--precision", options.precision, PRECISIONS)
    check_tracker(options.track)
    for name, value, least in (
        ("--labels", options.labels, 1),
        ("--steps", options.steps, 1),
        ("--seed", options.seed, 0),
        ("--num-environments", options.num_environments, 1),
        ("--num-threads", options.num_threads, 1),
    ):
        if value is not None and value < least:
            raise InvalidInputError(name, value, f"at least {least}{_why(name)}")
    if options.is_reference and (options.labels is not None or options.teacher not in (None, "none")):
        raise ConfigError("--true-reward asks for no labels; leave --labels and --teacher out")
    check_web_port(options.web_port)


def check_web_port(port: int | None) -> None:
    """Check that the port that was asked for by name can be used.

    Raises:
        InvalidInputError: it is no port.
        ConfigError: it is in use, or needs root.
    """
    if port is not None and not 1 <= port <= 65_535:
        raise InvalidInputError("--web-port", port, "1 to 65535")
    if port is not None and not is_free(port):
        raise ConfigError(
            f"--web-port {port} is in use by another program, or needs root; choose another, or leave it out for a"
            " free one"
        )


def _why(name: str) -> str:
    return ": nothing is learned without labels, but for --true-reward" if name == "--labels" else ""


def _check_teacher(teacher: str | None) -> None:
    """Refuses a teacher that isn't there; a function of one's own is loaded to see whether it can be."""
    if teacher in (None, "none"):
        return
    if is_function(teacher):
        load_function(teacher)
    else:
        parse_teacher(teacher)


def _check_choice(name: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise InvalidInputError(name, value, f"one of {', '.join(choices)}")


def begin_run(options: TrainOptions, folder: RunFolder) -> RunConfig:
    """Begin a new run with the given options and, for the rest, the defaults."""
    task = get_task(options.task)
    with open_given(options.labels_from, run_id=folder.run_id, task=task) as given:
        config = _new_config(options, folder, num_given=given.num_labels)
        check_budget(config, task)
        if config.storage_url != folder.storage_url:  # its own folder is not there yet
            open_run_store(config)
        has_any = bool(given.messages)
        folder.begin(config, fill=lambda: keep(given, folder, open_run_store(config)) if has_any else None)
    return config


def _new_config(options: TrainOptions, folder: RunFolder, *, num_given: int) -> RunConfig:
    defaults = get_task(options.task).defaults
    return RunConfig(
        task=_absolute(options.task),
        run_id=folder.run_id,
        seed=options.seed or 0,
        label_budget=_label_budget(options, defaults, num_given=num_given),
        num_given_labels=num_given,
        total_env_steps=_total_env_steps(options, defaults),
        teacher=_absolute_teacher(options.teacher or "none"),
        pacing=options.pacing or ("free" if _has_people(options) else "lockstep"),
        is_reference=options.is_reference,
        has_web=options.has_web and not options.is_reference,
        web_port=options.web_port or free_web_port(DEFAULT_WEB_PORT),
        storage_url=folder.settle_storage(options.storage_url),
        num_environments=options.num_environments or defaults.num_environments,
        num_threads=options.num_threads or _settled_threads(options),
        precision=options.precision or "float32",
        track=options.track,
        **settings_of_sharing(options.sharing),
    )


def _absolute(task: str) -> str:
    """Gives the name by which each process of the run finds the task, now and after ``--resume``."""
    return str(Path(task).resolve()) if task.endswith(".py") else task


def _absolute_teacher(teacher: str) -> str:
    """Gives the name by which the teacher's process finds it, now and after ``--resume``."""
    place, _, name = teacher.rpartition(":")
    return f"{Path(place).resolve()}:{name}" if place.endswith(".py") else teacher


def _settled_threads(options: TrainOptions) -> int | None:
    """Return the threads where their number changes sums, so that a resume on another machine keeps to it."""
    return num_usable_cores() if get_task(options.task).spec.is_image else None


def _has_people(options: TrainOptions) -> bool:
    return options.teacher in (None, "none") and not options.is_reference


def _label_budget(options: TrainOptions, defaults: TrainingDefaults, *, num_given: int) -> int:
    if options.is_reference:
        return 0
    if options.labels is not None:
        if options.labels < num_given:
            bound = f"at least {num_given}: --labels-from brings as many, and they count"
            raise InvalidInputError("--labels", options.labels, bound)
        return options.labels
    usual = defaults.labels_by_people if _has_people(options) else defaults.labels_by_teacher
    return max(usual, num_given)


def _total_env_steps(options: TrainOptions, defaults: TrainingDefaults) -> int:
    if options.is_reference:
        return options.steps or defaults.steps_of_reference
    return options.steps or (defaults.steps_by_people if _has_people(options) else defaults.steps_by_teacher)


def resume_run(options: TrainOptions, folder: RunFolder) -> RunConfig:
    """Return the settings that the run began with, changed where an option may change them.

    Raises:
        ConfigError: an option asks for another run.
    """
    stored = folder.resume()
    given = {
        "task": _absolute(options.task),
        "teacher": options.teacher and _absolute_teacher(options.teacher),
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
    config = dataclasses.replace(stored, **changes)
    check_budget(config, get_task(config.task))
    check_nothing_is_taken_back(
        steps=options.steps, labels=options.labels, progress=folder.read_last_progress()
    )
    folder.store_config(config)
    return config


def _changes(stored: RunConfig, given: Mapping[str, Any]) -> dict[str, Any]:
    changes = {name: value for name, value in given.items() if value != getattr(stored, name)}
    for name in changes.keys() - set(_MAY_CHANGE):
        raise ConfigError(
            f"{name} was {getattr(stored, name)!r} when this run began and can't become {given[name]!r}; leave it"
            " out, or begin a new run"
        )
    return changes


def free_web_port(preferred: int) -> int:
    """Return a free port for the pages, the preferred one if it is."""
    return preferred if is_free(preferred) else choose_ports(1)[0]


def open_run_store(config: RunConfig) -> ObjectStore:
    """Return the run's object store, proven to work.

    Raises:
        SomersaultError: it can't be reached or used; says why.
    """
    access_key, secret_key = secrets_of_store()
    store = open_store(config.storage_url, access_key=access_key, secret_key=secret_key)
    store.check()
    return store
