"""``somersault eval``: a run's policy measured by the true reward in fresh episodes."""

from __future__ import annotations

import asyncio
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import Progress

from somersault.cli.analysis.simulator import Play, open_simulator
from somersault.cli.results.evaluation import evaluation_seed
from somersault.errors import FailedPreconditionError, InvalidInputError
from somersault.runs import Run
from somersault.tasks import Task
from somersault.v1 import simulator_pb2

__all__ = ["EvaluationOptions", "evaluate", "format_report"]

_AT_ONCE = 32  # as many as the end of a run plays, so that the first of them are the summary's
_MAX_EPISODES = 100_000
_MAX_SHOWN = 64  # rows on a terminal; --json has all


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """Command-line options."""

    num_episodes: int | None = None
    """None for as many as are played at the end of a run."""
    seed: int | None = None
    """None for the seed of the evaluation at the run's end."""
    is_deterministic: bool = False
    version: int | None = None


def evaluate(run: Run, options: EvaluationOptions) -> dict[str, Any]:
    """Play fresh episodes and return what ``--json`` prints.

    Raises:
        FailedPreconditionError: the run has no policy yet, or its task has no true reward.
        SomersaultError: the simulator can't be started or failed.
    """
    num_episodes = _num_episodes(run.task, options)
    stored = run.policy(options.version)
    seed = evaluation_seed(run.settings.seed) if options.seed is None else options.seed
    plays = [
        Play(
            policy=stored.data,
            num_episodes=min(_AT_ONCE, num_episodes - begin),
            seed=seed + index,
            is_deterministic=options.is_deterministic,
        )
        for index, begin in enumerate(range(0, num_episodes, _AT_ONCE))
    ]
    episodes = asyncio.run(_play(run, plays, num_episodes=num_episodes))
    return {
        "run": str(run.path),
        "policy_version": stored.version,
        "policy_sha256": stored.sha256,
        "seed": seed,
        "is_deterministic": options.is_deterministic,
        **_results(run.task, episodes),
    }


def _num_episodes(task: Task, options: EvaluationOptions) -> int:
    """Return how many episodes to play.

    Raises:
        FailedPreconditionError: the task has no true reward.
        InvalidInputError: the number is out of bounds.
    """
    if task.teacher is None:
        raise FailedPreconditionError(
            f"{task.name} has no true reward to measure by: only people can judge it; `somersault render` shows what it does"
        )
    default = task.defaults.evaluation_episodes
    num_episodes = default if options.num_episodes is None else options.num_episodes
    if not 1 <= num_episodes <= _MAX_EPISODES:
        raise InvalidInputError("--episodes", num_episodes, f"1 to {_MAX_EPISODES}")
    return num_episodes


def _results(task: Task, episodes: Sequence[simulator_pb2.EpisodeResult]) -> dict[str, Any]:
    """Return the episodes' statistics and the reference returns."""
    flips = landed = None
    if task.has_flips:
        flips = _statistics([episode.flips for episode in episodes])
        landed = _statistics([episode.landed_flips for episode in episodes])
    return {
        "task": task.name,
        "episodes": len(episodes),
        "true_return": _statistics([episode.true_return for episode in episodes]),
        "flips": flips,
        "landed_flips": landed,
        "random_return_mean": task.random_return_mean,
        "reference_return_mean": task.reference_return_mean,
        "results": [_as_values(episode, has_flips=task.has_flips) for episode in episodes],
    }


def format_report(report: Mapping[str, Any]) -> str:
    """Return a report as plain text."""
    how = "likeliest actions" if report["is_deterministic"] else "sampled actions, as in training"
    lines = [
        f"{report['task']}, policy {report['policy_version']} of {report['run']}",
        f"{report['episodes']} fresh episodes, {how}, seed {report['seed']}",
        "",
        _format_statistics("true return", report["true_return"], digits=1),
    ]
    if report["flips"]:
        lines.append(_format_statistics("flips", report["flips"], digits=2))
        lines.append(_format_statistics("landed flips", report["landed_flips"], digits=2))
    lines += ["", _compare(report), ""]
    results = report["results"]
    names = list(results[0])
    lines.append("episode  " + "  ".join(f"{name.replace('_', ' '):>12}" for name in names))
    lines += [
        f"{index:7}  " + "  ".join(f"{result[name]:12,.2f}" for name in names)
        for index, result in enumerate(results[:_MAX_SHOWN])
    ]
    if len(results) > _MAX_SHOWN:
        lines.append(f"… and {len(results) - _MAX_SHOWN} more: --json prints them all")
    return "\n".join(lines)


async def _play(run: Run, plays: Sequence[Play], *, num_episodes: int) -> list[simulator_pb2.EpisodeResult]:
    episodes: list[simulator_pb2.EpisodeResult] = []
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        shown = progress.add_task("starting a simulator", total=num_episodes)
        async with open_simulator(run, has_rendering=False) as simulator:
            progress.update(shown, description="playing episodes")
            for play in plays:
                episodes += (await simulator.evaluate(play)).episodes
                progress.update(shown, completed=len(episodes))
    return episodes


def _statistics(values: Sequence[float]) -> dict[str, float] | None:
    """Return mean, its standard error, median and spread; None if a value is not finite."""
    if not all(map(math.isfinite, values)):
        return None
    std = statistics.stdev(values) if len(values) > 1 else 0.0
    return {
        "mean": statistics.fmean(values),
        "median": statistics.median(values),
        "std": std,
        "standard_error": std / len(values) ** 0.5,
        "lowest": min(values),
        "highest": max(values),
    }


def _as_values(episode: simulator_pb2.EpisodeResult, *, has_flips: bool) -> dict[str, float]:
    values = {"true_return": episode.true_return}
    return values | {"flips": episode.flips, "landed_flips": episode.landed_flips} if has_flips else values


def _format_statistics(name: str, values: Mapping[str, float] | None, *, digits: int) -> str:
    if values is None:
        return f"{name:<13} not finite in every episode, so it has no mean"

    def say(key: str) -> str:
        return f"{values[key]:,.{digits}f}"

    return (
        f"{name:<13} mean {say('mean')} ± {say('standard_error')}, median {say('median')},"
        f" deviation {say('std')}, {say('lowest')} to {say('highest')}"
    )


def _compare(report: Mapping[str, Any]) -> str:
    """Return a line that places the mean between a random policy and one trained on the true reward."""
    random, reference = report["random_return_mean"], report["reference_return_mean"]
    mean = None if report["true_return"] is None else report["true_return"]["mean"]
    parts = [] if random is None else [f"random {random:,.1f}"]
    parts.append("this policy unknown" if mean is None else f"this policy {mean:,.1f}")
    if reference is not None:
        parts.append(f"trained on the score itself {reference:,.1f}")
    line = " · ".join(parts)
    if random is None or reference is None or mean is None:
        return line
    share = (mean - random) / (reference - random)
    return f"{line} ({100 * share:.0f}% of the way)"
