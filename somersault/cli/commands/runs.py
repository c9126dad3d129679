"""The options of ``somersault runs``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.afterwards import comparison
from somersault.runs import find_runs

__all__ = ["runs"]


def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="A folder that holds runs, or folders of runs.")
    ] = Path("runs"),
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Prints one JSON object a run, one a line.")
    ] = False,
) -> None:
    """Lists the runs of a folder, newest first: how each stands and what it reached.

    For example: somersault runs runs/
    """
    found, problems = find_runs(folder)
    rows = [comparison.as_values(run) for run in found]
    for problem in problems:
        typer.echo(f"left out: {problem}", err=True)
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
    elif rows:
        typer.echo(comparison.format_table(rows))
        typer.echo(f"\nlook at one: somersault plot {shlex.quote(rows[0]['path'])}")
    else:
        typer.echo(f"no runs in {folder}; begin one: somersault train hopper-backflip --teacher oracle")
