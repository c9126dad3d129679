"""What came of a run, in a sentence for the people who taught it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from somersault.tasks import MujocoEnvironment, Task

__all__ = ["headline"]

_LEAST_FLIPS = 0.05
"""Turns an episode that are called none."""


def headline(task: Task, summary: Mapping[str, Any]) -> str:
    """Return what the agent learned, in plain words, from a run's summary.

    Args:
        task: What was learned.
        summary: As in ``summary.json``.
    """
    if not summary["labels"]:
        return "Nothing was learned, because no question was answered."
    if task.has_flips:
        return _flips(_body(task), summary["flips_per_episode"] or 0.0)
    if task.teacher is None:
        return f"{task.title}: the agent learned from {_count(summary['labels'], 'answer')}."
    return _score(task, summary["true_return_mean"])


def _flips(body: str, flips: float) -> str:
    if flips < -_LEAST_FLIPS:
        return f"The {body} turns forwards instead of backwards."
    if flips < _LEAST_FLIPS:
        return f"The {body} makes no backflip yet."
    if flips < 1:
        return f"The {body} makes {flips:.1f} of a backflip an episode."
    return f"The {body} makes {flips:.1f} backflip{'' if f'{flips:.1f}' == '1.0' else 's'} an episode."


def _score(task: Task, score: float) -> str:
    """Compare with chance and with an agent that was told the score, as far as they were measured."""
    known = []
    if task.random_return_mean is not None:
        known.append(f"chance scores {_number(task.random_return_mean)}")
    if task.reference_return_mean is not None:
        known.append(f"an agent that is told its score reaches {_number(task.reference_return_mean)}")
    others = f"; {' and '.join(known)}" if known else ""
    return f"{task.title}: the agent scores {_number(score)} an episode{others}."


def _body(task: Task) -> str:
    environment = task.environment
    name = environment.environment_id if isinstance(environment, MujocoEnvironment) else "agent"
    return name.partition("-")[0].lower()


def _number(value: float) -> str:
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
