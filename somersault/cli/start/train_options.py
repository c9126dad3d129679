"""A new run's settings, from the options of ``somersault train`` and the task's defaults."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from somersault.cli.curves import check_tracker
from somersault.cli.labels.given_labels import open_given, store_given
from somersault.cli.pages.access import NOT_SHARED, ShareOptions, settings_of_sharing
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.ownership import check_is_vacant
from somersault.cli.run.place import check_place
from somersault.cli.run.store import open_run_store
from somersault.cli.services.ports import LOOPBACK, check_web_address, choose_ports, is_free
from somersault.cli.services.processes import num_usable_cores
from somersault.cli.start.preflight import check_run
from somersault.cli.start.task_origin import absolute_task, absolute_teacher, digest_of, spec_of
from somersault.domain.teacher_kinds import is_function, parse_teacher
from somersault.errors import ConfigError, InvalidInputError
from somersault.numerics.precision import Precision
from somersault.storage import new_identity
from somersault.tasks import Task, TrainingDefaults, get_task
from somersault.tasks.checks import check_task
from somersault.tasks.custom import load_teacher

__all__ = [
    "DEFAULT_WEB_PORT",
    "TrainOptions",
    "begin_run",
    "check_options",
    "check_teacher",
    "check_web_port",
    "free_web_port",
]

DEFAULT_WEB_PORT = 8400
PACINGS = ("lockstep", "free")
PRECISIONS = get_args(Precision)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainOptions:
    """Command-line options; None if not given."""

    task: str | None
    """None only with ``is_resumed``."""
    teacher: str | None = None
    labels: int | None = None
    steps: int | None = None
    seed: int | None = None
    run_dir: Path | None = None
    pacing: str | None = None
    is_resumed: bool = False
    is_adopted: bool = False
    """Whether to take over a store and a database that belong to another run."""
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
    """Refuse impossible options before anything is touched.

    Raises:
        SomersaultError: an option can't be used, or not together with another.
    """
    if options.is_adopted and not options.is_resumed:
        raise ConfigError("--adopt needs --resume: it takes over what a resumed run finds")
    if options.is_resumed and options.run_dir is None:
        raise ConfigError("--resume needs --run-dir: the folder of the run to resume")
    if options.task is None and not options.is_resumed:
        raise ConfigError("TASK is missing: what to learn; `somersault tasks` lists what there is")
    if options.labels_from and (options.is_resumed or options.is_reference):
        raise ConfigError(
            "--labels-from is for a new run that learns from labels;"
            f" {'`somersault import RUN FILE` brings more into one that has begun' if options.is_resumed else '--true-reward learns from none'}"
        )
    settings_of_sharing(options.sharing)
    _check_choice("--pacing", options.pacing, PACINGS)
    _check_choice("--precision", options.precision, PRECISIONS)
    check_tracker(options.track)
    if options.is_reference and (options.labels is not None or options.teacher not in (None, "none")):
        raise ConfigError("--true-reward needs no labels; leave out --labels and --teacher")
    check_web_port(options.web_port, host=options.sharing.host)


def check_web_port(port: int | None, *, host: str | None = None) -> None:
    """Check that a requested port can be used.

    Raises:
        ConfigError: it is in use, or needs root.
    """
    if port is not None:
        check_web_address(host or LOOPBACK, port)


def check_teacher(teacher: str | None) -> None:
    """Check that a teacher exists; a custom function is loaded to try it.

    Raises:
        InvalidInputError: it doesn't, or takes other arguments.
    """
    if teacher in (None, "none"):
        return
    if is_function(teacher):
        load_teacher(teacher)
    else:
        parse_teacher(teacher)


def _check_choice(name: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise InvalidInputError(name, value, f"one of {', '.join(choices)}")


def begin_run(options: TrainOptions, folder: RunFolder) -> RunConfig:
    """Begin a new run with the given options and the task's defaults.

    Raises:
        SomersaultError: it can't be begun; nothing was made.
    """
    check_place(folder.path)
    folder.check_may_begin()
    task = get_task(options.task or "")
    check_task(task)
    _check_can_judge(options, task)
    check_teacher(options.teacher)
    with open_given(options.labels_from, run_id=folder.run_id, task=task) as given:
        config = _new_config(options, folder, task, num_given=given.num_labels)
        check_run(config, folder, task)
        if config.storage_url != folder.storage_url:
            check_is_vacant(config, open_run_store(config))
        has_any = bool(given.messages)
        folder.begin(
            config, fill=lambda: store_given(given, folder, open_run_store(config)) if has_any else None
        )
    return config


def _check_can_judge(options: TrainOptions, task: Task) -> None:
    if task.teacher is None and (options.is_reference or options.teacher not in {None, "none"}):
        raise ConfigError(
            f"{task.name} has no true reward, so neither a teacher nor --true-reward can judge it; only people can"
        )


def _new_config(options: TrainOptions, folder: RunFolder, task: Task, *, num_given: int) -> RunConfig:
    defaults = task.defaults
    reference = absolute_task(options.task or "")
    teacher = absolute_teacher(options.teacher or "none")
    return RunConfig(
        task=reference,
        task_spec=spec_of(task),
        task_sha256=digest_of(reference),
        run_id=folder.run_id,
        seed=options.seed or 0,
        label_budget=_label_budget(options, defaults, num_given=num_given),
        num_given_labels=num_given,
        total_env_steps=_total_env_steps(options, defaults),
        teacher=teacher,
        teacher_sha256=digest_of(teacher),
        pacing=options.pacing or ("free" if _has_people(options) else "lockstep"),
        is_reference=options.is_reference,
        has_web=options.has_web and not options.is_reference,
        web_port=options.web_port or free_web_port(DEFAULT_WEB_PORT),
        storage_url=folder.settle_storage(options.storage_url),
        num_environments=options.num_environments or defaults.num_environments,
        num_threads=options.num_threads or _settled_threads(task),
        precision=options.precision or "float32",
        track=options.track,
        **settings_of_sharing(options.sharing),
        identity=new_identity(),
    )


def _settled_threads(task: Task) -> int | None:
    """Return the number of threads if it changes sums, so that a resume on another machine keeps it."""
    return num_usable_cores() if task.spec.is_image else None


def _has_people(options: TrainOptions) -> bool:
    return options.teacher in (None, "none") and not options.is_reference


def _label_budget(options: TrainOptions, defaults: TrainingDefaults, *, num_given: int) -> int:
    if options.is_reference:
        return 0
    if options.labels is not None:
        if options.labels < num_given:
            bound = f"at least {num_given}: the labels of --labels-from count"
            raise InvalidInputError("--labels", options.labels, bound)
        return options.labels
    usual = defaults.labels_by_people if _has_people(options) else defaults.labels_by_teacher
    return max(usual, num_given)


def _total_env_steps(options: TrainOptions, defaults: TrainingDefaults) -> int:
    if options.is_reference:
        return options.steps or defaults.steps_of_reference
    return options.steps or (defaults.steps_by_people if _has_people(options) else defaults.steps_by_teacher)


def free_web_port(preferred: int) -> int:
    """Return a free port for the pages, the preferred one if it is free."""
    return preferred if is_free(preferred) else choose_ports(1)[0]
