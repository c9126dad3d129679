"""``somersault train``: from options to a run, and from the run to what is printed."""

from __future__ import annotations

import asyncio
import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from somersault.cli.exits.ending import RunCutShort
from somersault.cli.exits.exit_codes import ExitCode
from somersault.cli.invocation import own_command
from somersault.cli.monitoring.display import Display, open_display, print_line
from somersault.cli.results.headline import warn_of_chance
from somersault.cli.results.summary import describe
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.names import next_folder
from somersault.cli.run.ownership import mark_started
from somersault.cli.run.place import check_place
from somersault.cli.run.store import open_run_store
from somersault.cli.start.environment_trial import try_environment
from somersault.cli.start.resumption import resume_run
from somersault.cli.start.train_options import TrainOptions, begin_run, check_options
from somersault.cli.training.session import Session
from somersault.formats.strict_json import dump_json
from somersault.storage import ObjectStore
from somersault.tasks import get_task

__all__ = ["TrainOptions", "train"]


def train(options: TrainOptions) -> int:
    """Train to the end and return the exit code.

    Raises:
        SomersaultError: an option can't be used; no run was begun.
        RunCutShort: the run began or resumed and could not reach its end; the message says how to resume it.
    """
    check_options(options)
    if options.run_dir is not None:
        check_place(options.run_dir.absolute())
    if options.task is not None and not options.is_resumed:
        # Before it is made here: it may end the process that makes it.
        asyncio.run(try_environment(options.task, say=_warn))
    path = options.run_dir or next_folder(Path("runs"), get_task(options.task or "").name)
    with RunFolder(path) as folder:
        config = _resume(options, folder) if options.is_resumed else begin_run(options, folder)
        try:
            store = open_run_store(config)
            config = mark_started(config, folder, store=store, is_adopted=options.is_adopted)
            return _run(config, folder, store=store, options=options)
        except BaseException as error:
            raise RunCutShort(
                error,
                resume=_resume_command(config, folder),
                open_command=_open_command(config, folder),
                logs=folder.logs,
            ) from error


def _warn(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _resume(options: TrainOptions, folder: RunFolder) -> RunConfig:
    config, notes = resume_run(options, folder)
    for note in notes:
        _warn(note)
    return config


def _run(config: RunConfig, folder: RunFolder, *, store: ObjectStore, options: TrainOptions) -> int:
    """Train and print the outcome; with ``--json`` only the summary goes to standard output."""
    console = Console(stderr=options.is_json)
    if config.run_id != folder.path.name and not options.is_resumed:
        print_line(console, f"this run is called {config.run_id}: its folder's name can't name a run")
    with open_display(console, task=config.task) as display:
        summary = asyncio.run(_live(config, folder, store=store, display=display, options=options))
    task = get_task(config.task)
    print_line(console, describe(summary, task=task))
    warning = None if summary["nothing_learned_because"] else warn_of_chance(task, summary)
    if warning is not None:
        print_line(console, f"warning: {warning}")
    print_line(console, f"video: {summary['video']}")
    pages = _open_command(config, folder)
    if pages is not None:
        print_line(console, f"its pages (curves, clips, answers, export):\n  {pages}")
    if options.is_json:
        sys.stdout.write(dump_json(summary) + "\n")
    return ExitCode.LEARNED_NOTHING if summary["nothing_learned_because"] else ExitCode.DONE


def _resume_command(config: RunConfig, folder: RunFolder) -> str:
    return f"{own_command()} train {shlex.quote(config.task)} --run-dir {shlex.quote(str(folder.path_now))} --resume"


def _open_command(config: RunConfig, folder: RunFolder) -> str | None:
    """Return the command that serves a run's pages; None for a reference run, or before anything was asked."""
    return None if config.is_reference or not folder.database.is_file() else folder.open_command


async def _live(
    config: RunConfig, folder: RunFolder, *, store: ObjectStore, display: Display, options: TrainOptions
) -> dict[str, Any]:
    new_label_budget = options.labels if options.is_resumed else None
    return await Session(
        config, folder, store=store, display=display, new_label_budget=new_label_budget
    ).run()
