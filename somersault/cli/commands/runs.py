"""The options of ``somersault runs``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.analysis import run_table
from somersault.cli.invocation import own_command
from somersault.cli.options import values
from somersault.cli.runs_page.application import Pages, serve_runs
from somersault.errors import CorruptDataError
from somersault.formats.strict_json import dump_json
from somersault.runs import find_runs

__all__ = ["open_folder", "runs"]


def runs(
    folder: Annotated[
        Path,
        typer.Argument(
            parser=values.FILE, metavar="DIR", help="A folder that holds runs, or folders of runs."
        ),
    ] = Path("runs"),
    *,
    is_opened: Annotated[
        bool, typer.Option("--open", help="Serve a page of them until Ctrl-C instead of printing them.")
    ] = False,
    web_port: Annotated[
        int | None,
        typer.Option(
            parser=values.PORT,
            metavar="PORT",
            help="The page's port. (Default: 8400, or any if that is taken.)",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object per run, one per line; with --open, the page's address."
        ),
    ] = False,
) -> None:
    """List the runs of a folder, newest first, with their state and results.

    For example: somersault runs runs/ --open
    """
    if is_opened:
        open_folder(folder, web_port=web_port, as_json=as_json)
        return
    found, problems = find_runs(folder)
    rows = []
    for run in found:
        try:
            rows.append(run_table.as_values(run))
        except CorruptDataError as error:  # the others can be shown
            problems.append(str(error))
    for problem in problems:
        typer.echo(f"left out: {problem}", err=True)
    if as_json:
        for row in rows:
            typer.echo(dump_json(row))
    elif rows:
        typer.echo(run_table.format_table(rows))
        typer.echo(f"\nlook at one: {own_command()} plot {shlex.quote(rows[0]['path'])}")
    else:
        typer.echo(f"no runs in {folder}; begin one: {own_command()} train hopper-backflip --teacher oracle")


def open_folder(folder: Path, *, web_port: int | None, as_json: bool) -> None:
    """Serve the page that lists a folder's runs until Ctrl-C.

    Raises:
        SomersaultError: it can't be served.
    """

    def announce(pages: Pages) -> None:
        if as_json:
            typer.echo(dump_json({"url": pages.url, "labeler_address": pages.labeler_address}))
        else:
            typer.echo(f"runs page: {pages.url}\nCtrl-C ends it")

    serve_runs(folder.expanduser(), web_port=web_port, announce=announce)
