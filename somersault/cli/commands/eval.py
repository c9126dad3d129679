"""The options of ``somersault eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from somersault.cli.options import values
from somersault.cli.run.names import find_folder
from somersault.domain.bounds import MAX_EPISODES
from somersault.formats.strict_json import dump_json
from somersault.runs import load_run

__all__ = ["evaluate"]

_EPISODES = values.WholeNumber(least=1, most=MAX_EPISODES)


def evaluate(
    run: Annotated[
        Path,
        typer.Argument(
            parser=values.FILE,
            metavar="RUN",
            help="A run, by its folder or its name in runs/; it may be running.",
        ),
    ],
    *,
    episodes: Annotated[
        int | None,
        typer.Option(
            parser=_EPISODES, metavar="N", help="Fresh episodes to play. (Default: the task's, 32 for most.)"
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=values.SEED_OF_EPISODES,
            metavar="N",
            help="Seed of starts and actions; the same seed gives the same episodes. (Default: that of the run's own"
            " summary.)",
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object with every episode.")
    ] = False,
) -> None:
    """Measure a run's policy by the true reward, in fresh episodes.

    Prints the true return of each episode, with mean, median and spread, next to what a random policy and one trained on
    the score itself reach, if the task knows them. The run isn't changed.

    For example: somersault eval runs/hopper-backflip-1 --episodes 100
    """
    from somersault.cli.analysis.evaluation import EvaluationOptions, format_report
    from somersault.cli.analysis.evaluation import evaluate as evaluate_run

    options = EvaluationOptions(
        num_episodes=episodes, seed=seed, is_deterministic=deterministic, version=version
    )
    report = evaluate_run(load_run(find_folder(run)), options)
    typer.echo(dump_json(report) if as_json else format_report(report))
