"""Runs as rows of a table: their settings and what they reached."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from somersault.cli.monitoring.accuracy import telling_accuracy
from somersault.errors import InvalidInputError
from somersault.runs import Run

__all__ = ["as_values", "format_table"]

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_WIDTH = 200  # characters, where nobody says how many there are: nothing is cut off


def as_values(run: Run) -> dict[str, Any]:
    """Return a run as one ``--json`` row; unknown values are None."""
    summary, newest, settings = run.summary or {}, run.newest_point, run.settings
    state = run.state
    is_finished = state == "finished"
    known = summary if is_finished else {}
    num_predicted = newest.get(
        "reward/num_accuracy_preferences", run.num_labels
    )  # older runs tell labels alone
    return {
        "name": run.name,
        "state": state.value,
        "task": _task_name(run),
        "labelled_by": settings.labelled_by,
        "seed": settings.seed,
        "labels": run.num_labels,
        "label_budget": settings.label_budget,
        "env_steps": newest.get("run/env_steps", summary.get("env_steps", 0)),
        "total_env_steps": settings.total_env_steps,
        "true_return_mean": known.get("true_return_mean", newest.get("episode/true_return_mean")),
        "flips_per_episode": known.get("flips_per_episode", newest.get("episode/flips_mean")),
        "preference_accuracy": known.get("preference_accuracy", newest.get("reward/preference_accuracy")),
        "num_accuracy_preferences": known.get("num_accuracy_preferences", num_predicted),
        "wall_s": known.get("wall_s", newest.get("wall_s")),
        "started_s": round(run.started_s),
        "path": str(run.path),
    }


def format_table(rows: Sequence[Mapping[str, Any]], *, width: int | None = None) -> str:
    """Return rows as a table of plain text."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in _COLUMNS:
        table.add_column(name, justify=justify, overflow="fold", no_wrap=name != "path")
    for row in rows:
        table.add_row(*map(Text, _cells(row)))  # a path may hold what looks like a style
    console = Console(width=width or max(_WIDTH, Console().width))
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("state", "left"),
    ("task", "left"),
    ("by", "left"),
    ("seed", "right"),
    ("labels", "right"),
    ("steps", "right"),
    ("return", "right"),
    ("flips", "right"),
    ("predicted", "right"),
    ("time", "right"),
    ("age", "right"),
    ("path", "left"),
)


def _cells(row: Mapping[str, Any]) -> list[str]:
    flips, accuracy, true_return = (
        row[name] for name in ("flips_per_episode", "preference_accuracy", "true_return_mean")
    )
    accuracy = telling_accuracy(accuracy, num_answers=row["num_accuracy_preferences"])
    labels = f"{row['labels']:,}/{row['label_budget']:,}" if row["label_budget"] else "-"
    return [
        row["state"],
        row["task"],
        row["labelled_by"],
        str(row["seed"]),
        labels,
        f"{row['env_steps']:,}",
        "-" if true_return is None else f"{true_return:,.1f}",
        f"{flips:.2f}" if flips else "-",
        "-" if accuracy is None else f"{accuracy:.0%}",
        _duration(row["wall_s"]),
        _duration(time.time() - row["started_s"]),
        row["path"],
    ]


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, name in ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} s"


def _task_name(run: Run) -> str:
    """Return the task's name, or the reference the run was given if the task's file or package is gone."""
    try:
        return run.task.name
    except InvalidInputError:
        return run.settings.task
