"""The options of ``somersault clone``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.cloning import clone as cloning
from somersault.cli.options import values
from somersault.cli.run.names import find_folder
from somersault.formats.strict_json import dump_json

__all__ = ["clone"]


def clone(
    run: Annotated[
        Path,
        typer.Argument(
            parser=values.FILE,
            metavar="RUN",
            help="A run, by its folder or its name in runs/; it must not be in use.",
        ),
    ],
    new: Annotated[
        Path,
        typer.Argument(
            parser=values.FILE,
            metavar="NEW",
            help="The copy's folder, which must not exist; a bare name is in the current folder.",
        ),
    ],
    *,
    storage_url: Annotated[
        str | None,
        typer.Option(
            parser=values.TEXT,
            metavar="URL",
            help="Where the copy's objects go. (Default: its own folder if the run's are in its own, else the run's store"
            " with NEW's name added to its prefix.)",
        ),
    ] = None,
    in_folder: Annotated[
        bool, typer.Option("--in-folder", help="Put the copy's objects into its own folder.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make an independent copy of a run: folder, answers and objects, with its own identity and tokens.

    The copy can be trained further with every answer; the run itself isn't touched. The tokens of the run's labelers
    don't work with the copy, and its webhooks are left out.

    For example: somersault clone runs/pendulum-1 runs/pendulum-1-more
    """
    options = cloning.CloneOptions(
        run=find_folder(run), new=new, storage_url=storage_url, is_in_folder=in_folder
    )
    made = cloning.clone(options)
    typer.echo(dump_json(made) if as_json else cloning.describe(made))
