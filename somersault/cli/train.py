"""``somersault train``: from options to a run, and from a run to what is printed."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from somersault.cli import finish
from somersault.cli.display import Display, open_display
from somersault.cli.ports import choose_ports, is_free
from somersault.cli.probes import check_drawing
from somersault.cli.processes import secrets_of_store
from somersault.cli.run_folder import RunConfig, RunFolder, next_folder
from somersault.cli.session import Interrupted, Session
from somersault.errors import ConfigError, InvalidInputError
from somersault.storage import ObjectStore, open_store
from somersault.tasks import get_task

__all__ = ["INTERRUPTED", "TrainOptions", "train"]

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells give it."""

DEFAULT_WEB_PORT = 8400
TEACHERS = ("oracle", "none")
PACINGS = ("lockstep", "free")

# A teacher's answers cost nothing but are enough early (docs/results.md); people answer about 15 a minute beside
# the training, so that their run is longer.
LABELS_BY_TEACHER, STEPS_BY_TEACHER = 60, 1_500_000
LABELS_BY_PEOPLE, STEPS_BY_PEOPLE = 200, 5_000_000
STEPS_OF_REFERENCE = 3_000_000

_MAY_CHANGE = ("label_budget", "total_env_steps", "num_threads", "has_web", "web_port")
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


def train(options: TrainOptions) -> int:
    """Runs a run to its end and gives the exit code.

    Raises:
        SomersaultError: something given can't be used, or a service can't be kept running; nothing is lost.
    """
    _check(options)
    asyncio.run(check_drawing())  # before anything is learned: each run ends with a video
    path = options.run_dir or next_folder(Path("runs"), options.task)
    with RunFolder(path) as folder:
        config = _resumed(options, folder) if options.is_resumed else _begun(options, folder)
        store = _open_store(config)
        return _run(config, folder, store=store, is_json=options.is_json)


def _run(config: RunConfig, folder: RunFolder, *, store: ObjectStore, is_json: bool) -> int:
    """Trains, and prints what came of it; with ``is_json`` nothing else reaches standard output."""
    console = Console(stderr=is_json)
    resume = f"somersault train {config.task} --run-dir {shlex.quote(str(folder.path))} --resume"
    try:
        with open_display(console, task=config.task) as display:
            summary = asyncio.run(_live(config, folder, store=store, display=display))
    except Interrupted:
        _print(console, f"stopped; nothing is lost. Go on with:\n  {resume}")
        _print_json({"error": "interrupted", "resume": resume}, is_json=is_json)
        return INTERRUPTED
    _print(console, f"{finish.describe(summary)}\nvideo: {summary['video']}")
    _print_json(summary, is_json=is_json)
    return 0


async def _live(
    config: RunConfig, folder: RunFolder, *, store: ObjectStore, display: Display
) -> dict[str, Any]:
    return await Session(config, folder, store=store, display=display).run()


def _check(options: TrainOptions) -> None:
    """Refuses what can't be, before anything is touched."""
    get_task(options.task)
    if options.is_resumed and options.run_dir is None:
        raise ConfigError("--resume needs --run-dir: the folder of the run to go on with")
    _check_choice("--teacher", options.teacher, TEACHERS)
    _check_choice("--pacing", options.pacing, PACINGS)
    for name, value, least in (
        ("--labels", options.labels, 1),
        ("--steps", options.steps, 1),
        ("--seed", options.seed, 0),
        ("--num-environments", options.num_environments, 1),
        ("--num-threads", options.num_threads, 1),
        ("--web-port", options.web_port, 1),
    ):
        if value is not None and value < least:
            raise InvalidInputError(name, value, f"at least {least}{_why(name)}")
    if options.is_reference and (options.labels is not None or options.teacher not in (None, "none")):
        raise ConfigError("--true-reward asks for no labels; leave --labels and --teacher out")
    if options.web_port is not None and not is_free(options.web_port):
        raise ConfigError(
            f"--web-port {options.web_port} is in use by another program, or needs root; choose another, or leave"
            " it out for a free one"
        )


def _why(name: str) -> str:
    return ": nothing is learned without labels, but for --true-reward" if name == "--labels" else ""


def _check_choice(name: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise InvalidInputError(name, value, f"one of {', '.join(choices)}")


def _begun(options: TrainOptions, folder: RunFolder) -> RunConfig:
    """Begins a new run with the given options and, for the rest, the defaults."""
    teacher = options.teacher or "none"
    has_people = teacher == "none" and not options.is_reference
    labels = LABELS_BY_PEOPLE if has_people else LABELS_BY_TEACHER
    steps = STEPS_BY_PEOPLE if has_people else STEPS_BY_TEACHER
    config = RunConfig(
        task=options.task,
        run_id=folder.run_id,
        seed=options.seed or 0,
        label_budget=0 if options.is_reference else options.labels or labels,
        total_env_steps=options.steps or (STEPS_OF_REFERENCE if options.is_reference else steps),
        teacher=teacher,
        pacing=options.pacing or ("free" if has_people else "lockstep"),
        is_reference=options.is_reference,
        has_web=options.has_web and not options.is_reference,
        web_port=options.web_port or _free_web_port(DEFAULT_WEB_PORT),
        storage_url=options.storage_url or folder.storage_url,
        num_environments=options.num_environments,
        num_threads=options.num_threads,
    )
    _open_store(config)
    folder.begin(config)
    return config


def _resumed(options: TrainOptions, folder: RunFolder) -> RunConfig:
    """Gives the settings that the run began with, changed where an option may change them.

    Raises:
        ConfigError: an option asks for another run.
    """
    stored = folder.resume()
    if stored.run_id != folder.run_id:
        raise ConfigError(
            f"run {stored.run_id} lies in a folder of another name, {folder.path}; give the folder its name back"
        )
    given = {
        "task": options.task,
        "teacher": options.teacher,
        "label_budget": options.labels,
        "total_env_steps": options.steps,
        "seed": options.seed,
        "pacing": options.pacing,
        "is_reference": options.is_reference or None,
        "has_web": None if options.has_web else False,
        "web_port": options.web_port or _free_web_port(stored.web_port),
        "storage_url": options.storage_url,
        "num_environments": options.num_environments,
        "num_threads": options.num_threads,
    }
    changes = _changes(stored, {name: value for name, value in given.items() if value is not None})
    config = dataclasses.replace(stored, **changes)
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


def _free_web_port(preferred: int) -> int:
    return preferred if is_free(preferred) else choose_ports(1)[0]


def _open_store(config: RunConfig) -> ObjectStore:
    """Gives the run's object store, proven to work.

    Raises:
        SomersaultError: it can't be reached or used; says why.
    """
    access_key, secret_key = secrets_of_store()
    store = open_store(config.storage_url, access_key=access_key, secret_key=secret_key)
    store.check()
    return store


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _print_json(values: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        sys.stdout.write(json.dumps(values) + "\n")
        sys.stdout.flush()
