"""The summary of a run: ``summary.json``, and what labelers and the user are told from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from somersault.cli.monitoring.progress import RunProgress
from somersault.cli.results.evaluation import Evaluation
from somersault.cli.results.headline import headline, next_to_references
from somersault.cli.run.config import RunConfig
from somersault.tasks import Task, get_task
from somersault.v1 import labeler_pb2

__all__ = ["describe", "result_of", "summarise"]


def summarise(
    config: RunConfig,
    progress: RunProgress,
    evaluation: Evaluation,
    *,
    wall_s: float,
    num_restarts: int,
) -> dict[str, Any]:
    """Return ``summary.json`` without paths and addresses: what was learned, from how much, how fast."""
    episodes = evaluation.episodes
    flips = _mean([episode.flips for episode in episodes])
    why_nothing = None
    if not config.is_reference:
        why_nothing = progress.lessons.why_nothing(
            reward_version=progress.reward_version, is_early=progress.env_steps < config.total_env_steps
        )
    return {
        "task": get_task(config.task).name,
        "seed": config.seed,
        "precision": config.precision,
        "env_steps": progress.env_steps,
        "labels": progress.num_labels,
        "given_labels": config.num_given_labels,
        "label_budget": progress.label_budget,
        "unanswered": progress.num_open_queries,
        "lost_comparisons": progress.num_lost_comparisons,
        "nothing_learned_because": why_nothing,
        "wall_s": round(wall_s, 2),
        "env_steps_per_s": round(progress.env_steps / wall_s, 1) if wall_s > 0 else 0.0,
        "true_return_mean": _finite(_mean([episode.true_return for episode in episodes])),
        "reference_return_mean": get_task(config.task).reference_return_mean,
        "flips_per_episode": flips or None,  # where no torso turns, flips say nothing
        "landed_flips_per_episode": _mean([episode.landed_flips for episode in episodes]) if flips else None,
        "preference_accuracy": progress.preference_accuracy,
        "num_accuracy_preferences": progress.num_accuracy_preferences,
        "policy_versions": progress.policy_version,
        "reward_versions": progress.reward_version,
        "restarts": num_restarts,
        "settings": {"total_env_steps": config.total_env_steps, "label_budget": config.label_budget},
    }


def result_of(summary: Mapping[str, Any], *, task: Task) -> labeler_pb2.RunResult:
    """Return the result that labelers are shown, from a run's summary."""
    return labeler_pb2.RunResult(
        env_steps=summary["env_steps"],
        num_labels=summary["labels"],
        headline=headline(task, summary),
        true_return_mean=summary["true_return_mean"] if task.teacher is not None else None,
    )


def describe(summary: Mapping[str, Any], *, task: Task) -> str:
    """Return the summary as one sentence: how much was done and what the final policy reaches."""
    parts = [f"{summary['env_steps']:,} steps in {summary['wall_s']:.0f} s"]
    labels, budget = summary["labels"], summary["label_budget"]
    if budget:
        given = summary.get("given_labels")
        of_them = f" ({given} of them given)" if given else ""
        parts.append((f"{labels} labels" if labels >= budget else f"{labels} of {budget} labels") + of_them)
    if task.teacher is not None:
        parts.append(
            f"the final policy's true return {next_to_references(task, summary['true_return_mean'])}"
        )
    if summary["flips_per_episode"]:
        landed = summary["landed_flips_per_episode"]
        parts.append(f"{summary['flips_per_episode']:.2f} flips an episode ({landed:.2f} landed)")
    if lost := summary.get("lost_comparisons", 0):
        parts.append(f"{lost} of the answers could not be learned from: the segments they compare are gone")
    if summary.get("nothing_learned_because"):
        parts.append(f"nothing was learned: {summary['nothing_learned_because']}")
    return ", ".join(parts)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
