"""The options of ``somersault export``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.options import values
from somersault.cli.run.names import find_folder
from somersault.errors import ConfigError
from somersault.formats.strict_json import dump_json
from somersault.runs import load_run

__all__ = ["export"]


def export(
    run: Annotated[
        Path,
        typer.Argument(
            parser=values.FILE,
            metavar="RUN",
            help="A run, by its folder or its name in runs/; it may be running.",
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            parser=values.FILE,
            metavar="DIR",
            help="A new folder. (Default: RUN-export in the current folder.)",
        ),
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(
            parser=values.VERSION, metavar="N", help="A policy version of the run. (Default: the newest.)"
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            parser=values.FILE,
            metavar="FILE",
            help="Write the run's answers instead: its whole preference log, as .jsonl (or .ndjson), .csv or .parquet;"
            " - for standard output.",
        ),
    ] = None,
    file_format: Annotated[
        str | None,
        typer.Option(
            "--format",
            parser=values.Choice(("jsonl", "csv", "parquet")),
            metavar="jsonl|csv|parquet",
            help="Format of --labels. (Default: by the file's name.)",
        ),
    ] = None,
    with_segments: Annotated[
        bool,
        typer.Option(
            "--with-segments",
            help="With --labels: write a bundle that can be imported anywhere, a new folder or a .tar, with the segments"
            " that the answers compare.",
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --labels: replace the file if it exists.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object with the digest of each file.")
    ] = False,
) -> None:
    """Write a run's policy and reward model, or its answers, for programs without somersault.

    The folder holds safetensors with loaders of at most 50 lines that need only numpy, ONNX files (pip install
    'somersault[export]'), a script that plays the policy in plain Gymnasium, and a model card.

    For example: somersault export runs/hopper-backflip-1 --out backflip && cd backflip && python play.py
    """
    if labels is not None:
        if out is not None or version is not None:
            raise ConfigError(
                "--labels writes only answers; leave out --out and --version, or call export twice"
            )
        _export_labels(
            run,
            labels,
            file_format=file_format,
            has_segments=with_segments,
            replaces=force,
            is_json=as_json,
        )
        return
    if file_format is not None or with_segments or force:
        raise ConfigError("--format, --with-segments and --force go with --labels FILE, which is missing")
    from somersault.export.folder import export as export_run

    opened = load_run(find_folder(run))
    done = export_run(opened, out or Path(f"{opened.name}-export"), version=version)
    if as_json:
        typer.echo(dump_json(done))
        return
    typer.echo(f"{done['out']}: {', '.join(done['files'])}")
    for reason in done["left_out"]:
        typer.echo(f"left out: {reason}")
    typer.echo(f"try it: cd {shlex.quote(done['out'])} && python play.py")


def _export_labels(
    run: Path, labels: Path, *, file_format: str | None, has_segments: bool, replaces: bool, is_json: bool
) -> None:
    from somersault.cli.labels.file_export import STDOUT, export_labels

    if is_json and labels == STDOUT:
        raise ConfigError("--json and --labels - both write to standard output; name a file")
    done = export_labels(
        load_run(find_folder(run)),
        labels,
        file_format=file_format,
        has_segments=has_segments,
        replaces=replaces,
    )
    if is_json:
        typer.echo(dump_json(done))
        return
    segments = f", {done['segments']} segments" if has_segments else ""
    typer.echo(
        f"{done['out']}: {done['rows']} rows, {done['answers']} answers, {done['labels']} labels{segments}",
        err=labels == STDOUT,
    )
