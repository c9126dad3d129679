"""Refuses budgets that can't work: too few steps, or more labels than there are pairs to ask about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from somersault.cli.run.config import RunConfig
from somersault.errors import InvalidInputError
from somersault.tasks import Task

__all__ = ["MIN_POOL_SEGMENTS", "check_budget", "check_budget_covers_use", "count_segments"]

MIN_POOL_SEGMENTS = 64
"""Segments needed before the first question: the reward service's ``min_pool_segments``, which a test compares."""

_SEGMENTS_AN_EPISODE = 2  # as the simulator's num_segments_per_episode
_CUT_SHARE = (
    4  # where play goes on, and where episodes may end early, one step in four is cut, if so many are filmed
)
_NUM_RECORDED = 4  # environments of a simulator that are recorded if each renders itself
_MEAN_GAP = 0.25  # of a segment, left out after each where episodes may end early


def check_budget(config: RunConfig, task: Task, *, early_end_steps: float | None = None) -> None:
    """Refuse a run that would end before anything could be learned, or could never ask for all its labels.

    Args:
        config: The run's settings.
        task: What is to be learned.
        early_end_steps: Mean episode length under the random policy that acts until the first questions, for tasks
            whose episodes may end early; None if they don't or it is unknown.

    Raises:
        InvalidInputError: it would; the text names the option, its value and its bound.
    """
    rollout = config.num_environments * task.defaults.rollout_steps
    num_to_ask = config.label_budget - config.num_given_labels
    if config.is_reference or num_to_ask <= 0:
        _check_steps(config, least=rollout, why=_rollout_words(config, task))
        return
    each = _steps_a_segment(task, num_environments=config.num_environments, early_end_steps=early_end_steps)
    least_segments = max(MIN_POOL_SEGMENTS, int(task.defaults.reward.get("min_pool_segments", 0)))
    first_segment = config.num_environments * task.segment_steps
    first_question = math.ceil((least_segments * each + first_segment) / rollout) * rollout
    why = (
        f"the first question needs {least_segments} segments to choose from, which takes about"
        f" {first_question:,} steps, plus {_rollout_words(config, task)}"
    )
    _check_steps(config, least=first_question + rollout, why=why)
    num_segments = count_segments(
        task,
        config.total_env_steps,
        num_environments=config.num_environments,
        early_end_steps=early_end_steps,
    )
    num_pairs = num_segments * (num_segments - 1) // 2
    if num_to_ask > num_pairs:
        bound = (
            f"at most {num_pairs + config.num_given_labels:,}: {config.total_env_steps:,} steps bring {num_segments:,} segments, and no two of"
            " them are compared twice; or give it more --steps"
        )
        raise InvalidInputError("--labels", config.label_budget, bound)


def check_budget_covers_use(
    *, steps: int | None, labels: int | None, progress: Mapping[str, Any], steps_before: int = 0
) -> None:
    """Refuse to resume a run with a smaller budget than it has already used.

    Options that were not given are not checked: the last rollout overshoots, and an owner may have raised the labels.

    Args:
        steps: The value of ``--steps``; None if not given.
        labels: The value of ``--labels``; None if not given.
        progress: The last row of ``progress.jsonl``.
        steps_before: The run's steps until now.

    Raises:
        InvalidInputError: a budget is below what was used, or steps are below what they were.
    """
    for option, value, used in (
        ("--steps", steps, int(progress.get("run/env_steps", 0))),
        ("--labels", labels, int(progress.get("run/labels", 0))),
    ):
        if value is not None and value < used:
            raise InvalidInputError(option, value, f"at least {used:,}: the run has used that many already")
    if steps is not None and steps < steps_before:
        raise InvalidInputError(
            "--steps", steps, f"at least {steps_before:,}, as asked for before: it can only be raised"
        )


def count_segments(
    task: Task, env_steps: int, *, num_environments: int, early_end_steps: float | None = None
) -> int:
    """Return roughly how many segments this many environment steps yield."""
    each = _steps_a_segment(task, num_environments=num_environments, early_end_steps=early_end_steps)
    return max(0, int((env_steps - num_environments * task.segment_steps) / each))


def _steps_a_segment(task: Task, *, num_environments: int, early_end_steps: float | None) -> float:
    """Return the environment steps per segment, over all environments of a simulator."""
    if task.still_steps:
        num_filmed = min(_NUM_RECORDED, num_environments)
        sparseness = max(1, _CUT_SHARE * num_filmed // num_environments)
        each = _own_steps_a_segment(task, sparseness=sparseness, early_end_steps=early_end_steps)
        return each * num_environments / num_filmed
    if task.is_continuing:
        return float(_CUT_SHARE * task.segment_steps)
    num_fitting = min(_SEGMENTS_AN_EPISODE, task.episode_steps // task.segment_steps)
    return task.episode_steps / max(1, num_fitting)


def _own_steps_a_segment(task: Task, *, sparseness: int, early_end_steps: float | None) -> float:
    """Return the steps of one recorded environment per segment if episodes may end early.

    The last segment of an episode that ends early includes part of its still steps; the remaining still steps, which
    may be longer than a segment, yield none.
    """
    in_long_episodes = (sparseness + _MEAN_GAP) * task.segment_steps
    if early_end_steps is None:
        return in_long_episodes
    num_an_episode = max(1 / sparseness, early_end_steps / in_long_episodes)
    return (early_end_steps + task.still_steps) / num_an_episode


def _rollout_words(config: RunConfig, task: Task) -> str:
    return f"one rollout to learn from ({config.num_environments} environments x {task.defaults.rollout_steps} steps)"


def _check_steps(config: RunConfig, *, least: int, why: str) -> None:
    if config.total_env_steps < least:
        raise InvalidInputError("--steps", config.total_env_steps, f"at least {least:,}: {why}")
