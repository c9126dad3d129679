"""The options of ``somersault render``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.options import values
from somersault.cli.run.names import find_folder
from somersault.domain.bounds import MAX_SECONDS
from somersault.formats.strict_json import dump_json
from somersault.runs import load_run

__all__ = ["render"]


def _read_grid(text: str) -> str:
    from somersault.cli.analysis.rendering import read_grid

    read_grid(text)
    return text


_EPISODES = values.WholeNumber(least=1, most=256)
_SECONDS = values.RealNumber(least=0.001, most=MAX_SECONDS)
_SIZE = values.WholeNumber(least=64, most=1024, why="an even number")
_PICK = values.Choice(("best", "median", "worst", "all"))
_GRID = values.Parsed("COLUMNSxROWS such as 3x3, at most 64 in all", _read_grid)


def render(
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
            help="An .mp4 or a .gif. (Default: RUN.mp4 in the current folder.)",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    episodes: Annotated[
        int,
        typer.Option(parser=_EPISODES, metavar="N", help="Fresh episodes to play and choose from, 1 to 256."),
    ] = 9,
    seconds: Annotated[
        float | None,
        typer.Option(
            parser=_SECONDS,
            metavar="S",
            help="Length of an episode in simulated seconds. (Default: the task's.)",
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            parser=_SIZE,
            metavar="PX",
            help="Height in pixels, and width of anything but games: 64 to 1024. (Default: the task's.)",
        ),
    ] = None,
    pick: Annotated[
        str,
        typer.Option(
            parser=_PICK,
            metavar="best|median|worst|all",
            help="Which episode to show, by the true reward; all: one after another, best first.",
        ),
    ] = "best",
    grid: Annotated[
        str | None,
        typer.Option(
            parser=_GRID,
            metavar="CxR",
            help="Show the best episodes side by side instead of one: 3x3 for nine.",
        ),
    ] = None,
    bar: Annotated[
        bool,
        typer.Option("--bar", help="Show the predicted reward as a bar beside the agent."),
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=values.SEED_OF_EPISODES,
            metavar="N",
            help="Seed of starts and actions. (Default: that of the run's own evaluation.)",
        ),
    ] = None,
    deterministic: Annotated[
        bool,
        typer.Option(
            "--deterministic", help="Take the most likely action instead of sampling one as in training."
        ),
    ] = False,
    version: Annotated[
        int | None,
        typer.Option(
            parser=values.VERSION, metavar="N", help="A policy version of the run. (Default: the newest.)"
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make a video of a run's policy in fresh episodes.

    For example: somersault render runs/hopper-backflip-1 --grid 3x3 --out flips.gif
    """
    from somersault.cli.analysis.rendering import RenderOptions
    from somersault.cli.analysis.rendering import render as render_run

    opened = load_run(find_folder(run))
    options = RenderOptions(
        output=out or Path(f"{opened.name}.mp4"),
        replaces=force,
        num_episodes=episodes,
        seconds=seconds,
        size_px=0 if size is None else size,
        pick=pick,
        grid=grid,
        has_bar=bar,
        seed=seed,
        is_deterministic=deterministic,
        version=version,
    )
    made = render_run(opened, options)
    typer.echo(dump_json(made) if as_json else f"{made['video']}: {made['frames']} frames")
