"""The options of ``somersault import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.options import values
from somersault.cli.run.names import find_folder
from somersault.formats.strict_json import dump_json

__all__ = ["import_labels"]


def import_labels(
    run: Annotated[
        Path,
        typer.Argument(
            parser=values.FILE,
            metavar="RUN",
            help="A run, by its folder or its name in runs/; it may be running.",
        ),
    ],
    file: Annotated[
        Path,
        typer.Argument(
            parser=values.FILE,
            metavar="FILE",
            help="A file written by `somersault export RUN --labels FILE`: .jsonl, .csv or .parquet, a bundle (a folder"
            " or a .tar), or - for standard input.",
        ),
    ],
    *,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            parser=values.Choice(("jsonl", "csv", "parquet")),
            metavar="jsonl|csv|parquet",
            help="Format of FILE. (Default: by its name.)",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check every row and segment, and change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Import answers into a run, from another run's export or its own.

    Every row is checked before the first is imported. Rows that the run already has count once, so a file may be imported
    twice. Segments come from a bundle or are in the run's store. A running run learns from them at once, a stopped one
    when it is resumed.

    For example: somersault export runs/a --labels a.tar --with-segments && somersault import runs/b a.tar
    """
    from somersault.cli.labels.file_import import import_labels as import_into

    done = import_into(find_folder(run), file, file_format=file_format, is_dry=dry_run)
    if as_json:
        typer.echo(dump_json(done))
        return
    verb = "would be imported" if dry_run else "imported"
    typer.echo(
        f"{done['new']} of {done['rows']} rows {verb}, {done['known']} were known; {done['segments']} segments"
        f" {'to copy' if dry_run else 'copied'}"
    )
