"""The options of ``somersault tasks``."""

from __future__ import annotations

from typing import Annotated

import typer

from somersault.cli import task_listing
from somersault.cli.options import values
from somersault.formats.strict_json import dump_json
from somersault.tasks import get_task, list_tasks

__all__ = ["tasks"]


def tasks(
    name: Annotated[
        str | None,
        typer.Argument(
            parser=values.TEXT,
            metavar="TASK",
            help="Describe one task: a name, a Gymnasium id or a Python file that defines TASK.",
        ),
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per task, one per line.")
    ] = False,
) -> None:
    """List the tasks that can be learned, or describe one."""
    chosen = list_tasks() if name is None else (get_task(name),)
    if as_json:
        for task in chosen:
            typer.echo(dump_json(task_listing.as_values(task)))
    else:
        typer.echo(task_listing.format_list(chosen) if name is None else task_listing.format_task(chosen[0]))
