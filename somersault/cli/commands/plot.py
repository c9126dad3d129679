"""The options of ``somersault plot`` and ``somersault compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.analysis import plotting, run_table
from somersault.cli.analysis.curves import AXES, CURVES, default_curves, read_curves
from somersault.cli.options import values
from somersault.cli.run.names import find_folder
from somersault.errors import FailedPreconditionError, InvalidInputError
from somersault.formats.strict_json import dump_json
from somersault.runs import Run, load_run

__all__ = ["compare", "plot"]

_LEAST_COMPARED = 2
_SMOOTHING = values.RealNumber(least=0, most=1, is_below=True)

_Curves = Annotated[
    list[str] | None,
    typer.Option(
        "--curve",
        parser=values.Choice(tuple(CURVES)),
        metavar="NAME",
        help=f"A curve to draw, one of {', '.join(CURVES)}; may be repeated. (Default: the return and whatever else there"
        " is.)",
    ),
]
_By = Annotated[
    str,
    typer.Option(
        "--by",
        parser=values.Choice(tuple(AXES)),
        metavar="|".join(AXES),
        help="The horizontal axis.",
    ),
]
_Smooth = Annotated[
    float,
    typer.Option(
        parser=_SMOOTHING,
        metavar="S",
        help="Smoothing: the share of the past in each point, from 0 to below 1.",
    ),
]
_Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object with the points.")]


def plot(
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
            metavar="FILE",
            help="A .png, .svg or .pdf, drawn by matplotlib (pip install 'somersault[plot]'). (Default: the terminal.)",
        ),
    ] = None,
    force: _Force = False,
    curve: _Curves = None,
    by: _By = "steps",
    smooth: _Smooth = 0.0,
    as_json: _Json = False,
) -> None:
    """Draw a run's curves in the terminal or to a file.

    For example: somersault plot runs/hopper-backflip-1 --curve return --out return.svg
    """
    opened = load_run(find_folder(run))
    title = f"{opened.name}: {opened.settings.task}"
    drawn = _draw(
        [opened], curve, by=by, smooth=smooth, out=out, replaces=force, title=title, is_quiet=as_json
    )
    if as_json:
        typer.echo(dump_json(drawn))


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            parser=values.FILE,
            metavar="RUN…",
            help="Two or more runs, by their folders or their names in runs/.",
        ),
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            parser=values.FILE,
            metavar="FILE",
            help="Draw the curves over each other to a .png, .svg or .pdf (pip install 'somersault[plot]').",
        ),
    ] = None,
    force: _Force = False,
    curve: _Curves = None,
    by: _By = "steps",
    smooth: _Smooth = 0.0,
    as_json: _Json = False,
) -> None:
    """Compare runs: a table of their settings and results, and their curves over each other.

    For example: somersault compare runs/* --by labels --out compared.png
    """
    if len(runs) < _LEAST_COMPARED:
        raise InvalidInputError(
            "RUN", str(runs[0]), "two or more runs; `somersault plot` and `somersault runs` show one"
        )
    opened = [load_run(find_folder(run)) for run in runs]
    rows = [run_table.as_values(run) for run in opened]
    drawn = None
    if out is not None:
        drawn = _draw(
            opened, curve, by=by, smooth=smooth, out=out, replaces=force, title="", is_quiet=as_json
        )
    if as_json:
        typer.echo(dump_json({"runs": rows, "plot": drawn}))
    else:
        typer.echo(run_table.format_table(rows))


def _draw(
    runs: Sequence[Run],
    names: Sequence[str] | None,
    *,
    by: str,
    smooth: float,
    out: Path | None,
    replaces: bool,
    title: str,
    is_quiet: bool,
) -> dict[str, object]:
    """Draw curves to a file or the terminal and return what ``--json`` prints."""
    curves = read_curves(runs, names or default_curves(runs), axis=by, smoothing=smooth)
    if not curves:
        raise FailedPreconditionError(f"{', '.join(run.name for run in runs)}: no such curve has a point yet")
    if out is not None:
        plotting.write_plot(out, curves, axis=by, title=title, replaces=replaces)
        if not is_quiet:
            typer.echo(f"plot: {out}")
    elif not is_quiet:
        typer.echo(plotting.draw_in_terminal(curves, axis=by))
    points = [
        {"run": curve.run, "curve": curve.name, by: curve.places, "values": curve.values} for curve in curves
    ]
    return {"out": None if out is None else str(out), "curves": points}
