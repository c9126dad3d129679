"""The options of ``somersault export``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.commands import values
from somersault.cli.run_names import find_folder
from somersault.runs import load_run
from somersault.strict_json import dump_json

__all__ = ["export"]


def export(
    run: Annotated[
        Path,
        typer.Argument(
            parser=values.FILE,
            metavar="RUN",
            help="A run, by its folder or by its name in runs/; it may be running.",
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
            help="A new folder. (Default: NAME-OF-THE-RUN-export here.)",
        ),
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(
            parser=values.VERSION, metavar="N", help="An earlier policy of the run. (Default: the newest.)"
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Prints one JSON object with the digest of each file.")
    ] = False,
) -> None:
    """Writes a run's policy and reward model for programs that don't have somersault.

    As safetensors with loaders of at most 50 lines that need numpy alone, as ONNX (pip install 'somersault[export]'), with a
    script that plays the policy in plain Gymnasium and a model card.

    For example: somersault export runs/hopper-backflip-1 --out backflip && cd backflip && python play.py
    """
    from somersault.export.exporting import export as export_run

    opened = load_run(find_folder(run))
    done = export_run(opened, out or Path(f"{opened.name}-export"), version=version)
    if as_json:
        typer.echo(dump_json(done))
        return
    typer.echo(f"{done['out']}: {', '.join(done['files'])}")
    for reason in done["left_out"]:
        typer.echo(f"left out: {reason}")
    typer.echo(f"try it: cd {shlex.quote(done['out'])} && python play.py")
