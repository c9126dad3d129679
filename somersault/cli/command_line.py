"""The command ``somersault``: its subcommands, and how it ends.

somersault train hopper-backflip --teacher oracle
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from somersault.cli.commands import compliance
from somersault.cli.commands.clone import clone
from somersault.cli.commands.doctor import doctor
from somersault.cli.commands.eval import evaluate
from somersault.cli.commands.export import export
from somersault.cli.commands.labels.import_labels import import_labels
from somersault.cli.commands.labels.labelers import labelers
from somersault.cli.commands.open import open_pages
from somersault.cli.commands.plot import compare, plot
from somersault.cli.commands.render import render
from somersault.cli.commands.runs import runs
from somersault.cli.commands.serve import CONTEXT_SETTINGS, serve
from somersault.cli.commands.tasks import tasks
from somersault.cli.commands.train import train
from somersault.cli.exits.early_signals import hand_over
from somersault.cli.exits.ending import Ending, ending_of, report_thread, tell
from somersault.cli.exits.exit_codes import ExitCode
from somersault.cli.exits.standard_streams import StandardStreams
from somersault.cli.exits.stop_signals import signals_as_ctrl_c
from somersault.cli.version import print_version, version
from somersault.runtime import failpoints
from somersault.runtime.config import environment
from somersault.runtime.telemetry import set_up_command_logging

__all__ = ["app", "main"]

_LONGEST_SUMMARY = 200  # characters


class _Commands(TyperGroup):
    """Lists the commands with the first sentence of each in full, where click would truncate it."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [
            (name, command.get_short_help_str(_LONGEST_SUMMARY))
            for name, command in self.commands.items()
            if not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


app = typer.Typer(
    name="somersault",
    help="Teach agents from human judgement: you compare two clips, a reward model learns what you meant, and an agent"
    " learns to do it.\n\nBegin with: somersault train hopper-backflip --teacher oracle",
    cls=_Commands,
    add_completion=False,
    rich_markup_mode=None,  # it takes 'somersault[plot]' for markup, and the extra is gone
    pretty_exceptions_enable=False,
)


@app.callback()
def _choose(
    *,
    _is_version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Handle the options that come before the command."""


app.command()(train)
app.command("open")(open_pages)
app.command(context_settings=CONTEXT_SETTINGS)(serve)
app.command()(tasks)
app.command("eval")(evaluate)
app.command()(render)
app.command()(export)
app.command("import")(import_labels)
app.command()(labelers)
app.command()(clone)
app.command()(plot)
app.command()(compare)
app.command()(runs)
app.command()(doctor)
app.add_typer(compliance.app, name="compliance")
app.command()(version)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code (docs/operations.md). An error is one line on standard error."""
    if arguments is None:
        set_up_command_logging()
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    with StandardStreams() as streams, signals_as_ctrl_c(), _reported_threads():
        try:
            hand_over()
            failpoints.arm(environment(failpoints.VARIABLE))
            ending = Ending(code=_run(arguments))
        except BaseException as error:
            ending = ending_of(error)
        return tell(ending, streams, is_json="--json" in arguments)


@contextlib.contextmanager
def _reported_threads() -> Iterator[None]:
    earlier, threading.excepthook = threading.excepthook, report_thread
    try:
        yield
    finally:
        threading.excepthook = earlier


def _run(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    with command.make_context("somersault", list(arguments)) as context:
        result = command.invoke(context)
    return result if isinstance(result, int) else ExitCode.DONE
