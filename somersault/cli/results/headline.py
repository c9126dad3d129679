"""A run's outcome in one sentence, for the people who taught it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from somersault.tasks import MujocoEnvironment, Task

__all__ = ["headline", "next_to_references", "warn_of_chance"]

_LEAST_FLIPS = 0.05
"""Fewer flips per episode than this count as none."""


def headline(task: Task, summary: Mapping[str, Any]) -> str:
    """Return in plain words what the agent learned.

    Args:
        task: The run's task.
        summary: As in ``summary.json``.
    """
    if not summary["labels"]:
        return "Nothing was learned, because no question was answered."
    if summary.get("nothing_learned_because"):
        return f"Nothing was learned: {summary['nothing_learned_because']}."
    if task.has_flips:
        flips = summary["flips_per_episode"] or 0.0
        is_chance = flips >= _LEAST_FLIPS and _is_chance(task, summary["true_return_mean"])
        sentence = _flips(_body(task), flips)
        return f"{sentence[:-1]}, which is no better than chance yet." if is_chance else sentence
    if task.teacher is None:
        return f"{task.title}: the agent learned from {_count(summary['labels'], 'answer')}."
    return _score(task, summary["true_return_mean"])


def next_to_references(task: Task, true_return: float | None) -> str:
    """Return a true return next to those of a random policy and of one trained on it, as far as they are known."""
    known = {"random": task.random_return_mean, "trained on it": task.reference_return_mean}
    others = ", ".join(f"{who} {_number(value)}" for who, value in known.items() if value is not None)
    shown = (
        "is unknown because the true reward is not finite" if true_return is None else _number(true_return)
    )
    return f"{shown} ({others})" if others else shown


def warn_of_chance(task: Task, summary: Mapping[str, Any]) -> str | None:
    """Return a warning if the policy is no better than a random one; None if it is better or that is unknown."""
    if not _is_chance(task, summary["true_return_mean"]):
        return None
    return (
        "the policy is no better than one that acts at random; look at its video, and give the run more --labels or"
        " --steps"
    )


def _is_chance(task: Task, score: float | None) -> bool:
    random = task.random_return_mean
    return task.teacher is not None and random is not None and score is not None and score <= random


def _flips(body: str, flips: float) -> str:
    if flips < -_LEAST_FLIPS:
        return f"The {body} turns forwards instead of backwards."
    if flips < _LEAST_FLIPS:
        return f"The {body} makes no backflip yet."
    if flips < 1:
        return f"The {body} makes {flips:.1f} of a backflip an episode."
    return f"The {body} makes {flips:.1f} backflip{'' if f'{flips:.1f}' == '1.0' else 's'} an episode."


def _score(task: Task, score: float | None) -> str:
    """Return a sentence that compares the score with chance and with an agent trained on it, as far as they are known."""
    if score is None:
        return f"{task.title}: how well the agent does is unknown because its true reward is not finite."
    known = []
    if task.random_return_mean is not None:
        known.append(f"chance scores {_number(task.random_return_mean)}")
    lead = f"the agent scores {_number(score)} an episode"
    if _is_chance(task, score):
        lead = f"the agent is no better than chance yet, at {_number(score)} an episode"
    if task.reference_return_mean is not None:
        known.append(f"an agent that is told its score reaches {_number(task.reference_return_mean)}")
    others = f"; {' and '.join(known)}" if known else ""
    return f"{task.title}: {lead}{others}."


def _body(task: Task) -> str:
    environment = task.environment
    name = environment.environment_id if isinstance(environment, MujocoEnvironment) else "agent"
    return name.partition("-")[0].lower()


def _number(value: float) -> str:
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
