"""``somersault train``: from options to a run, and from a run to what is printed."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from somersault.cli import finish
from somersault.cli.display import Display, open_display
from somersault.cli.headline import warn_of_chance
from somersault.cli.probes import check_drawing
from somersault.cli.run_folder import RunConfig, RunFolder, next_folder
from somersault.cli.session import Interrupted, Session
from somersault.cli.train_options import (
    TrainOptions,
    begin_run,
    check_options,
    open_run_store,
    resume_run,
)
from somersault.storage import ObjectStore
from somersault.strict_json import dump_json
from somersault.tasks import MujocoEnvironment, get_task

__all__ = ["INTERRUPTED", "TrainOptions", "train"]

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells give it."""


def train(options: TrainOptions) -> int:
    """Run a run to its end and return the exit code.

    Raises:
        SomersaultError: something given can't be used, or a service can't be kept running; nothing is lost.
    """
    check_options(options)
    task = get_task(options.task)
    # Before anything is learned: each run ends with a video.
    asyncio.run(check_drawing(needs_opengl=isinstance(task.environment, MujocoEnvironment)))
    path = options.run_dir or next_folder(Path("runs"), task.name)
    with RunFolder(path) as folder:
        config = resume_run(options, folder) if options.is_resumed else begin_run(options, folder)
        store = open_run_store(config)
        return _run(config, folder, store=store, options=options)


def _run(config: RunConfig, folder: RunFolder, *, store: ObjectStore, options: TrainOptions) -> int:
    """Train, and print what came of it; with ``--json`` nothing else reaches standard output."""
    is_json = options.is_json
    console = Console(stderr=is_json)
    resume = f"somersault train {shlex.quote(config.task)} --run-dir {shlex.quote(str(folder.path))} --resume"
    pages = None if config.is_reference else folder.open_command
    try:
        with open_display(console, task=config.task) as display:
            summary = asyncio.run(_live(config, folder, store=store, display=display, options=options))
    except Interrupted:
        _print(console, f"stopped; nothing is lost. Go on with:\n  {resume}")
        _print_pages(console, pages, "answer and look at it meanwhile")
        _print_json({"error": "interrupted", "resume": resume, "open": pages}, is_json=is_json)
        return INTERRUPTED
    task = get_task(config.task)
    _print(console, finish.describe(summary, task=task))
    warning = warn_of_chance(task, summary)
    if warning is not None:
        _print(console, f"warning: {warning}")
    _print(console, f"video: {summary['video']}")
    _print_pages(console, pages, "its pages (curves, clips, answers, export)")
    _print_json(summary, is_json=is_json)
    return 0


async def _live(
    config: RunConfig, folder: RunFolder, *, store: ObjectStore, display: Display, options: TrainOptions
) -> dict[str, Any]:
    new_label_budget = options.labels if options.is_resumed else None
    return await Session(
        config, folder, store=store, display=display, new_label_budget=new_label_budget
    ).run()


def _print_pages(console: Console, command: str | None, what: str) -> None:
    if command is not None:
        _print(console, f"{what}:\n  {command}")


def _print(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _print_json(values: Mapping[str, Any], *, is_json: bool) -> None:
    if is_json:
        sys.stdout.write(dump_json(values) + "\n")
        sys.stdout.flush()
