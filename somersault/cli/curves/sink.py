"""The interface of everything that receives a run's curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from somersault.cli.monitoring.progress import RunProgress

__all__ = ["CurvePoint", "CurveSink", "RunFacts", "make_point", "results_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is known about a run when it begins."""

    run_id: str
    settings: Mapping[str, bool | int | float | str]
    """The settings that distinguish runs, by name."""
    texts: Mapping[str, str]
    """The question and guidelines that labelers see, as Markdown, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One point of every curve."""

    env_steps: int
    wall_s: float
    """Seconds of training over all lives of the run."""
    num_restarts: int
    state: str
    scalars: Mapping[str, float] = field(default_factory=dict)
    """By tag; values that no service has reported yet are missing."""


class CurveSink(Protocol):
    """Receives a run's curves. Called from one thread."""

    def write(self, point: CurvePoint) -> None:
        """Add a point, further than those before it."""

    def rewind(self, env_steps: int) -> None:
        """Drop points after this step, because a checkpoint was restored."""

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        """Add an mp4 of the policy at this step."""

    def finish(self, results: Mapping[str, float], *, env_steps: int) -> None:
        """Add the run's results, by name."""

    def close(self) -> None:
        """Flush and close."""


def make_point(progress: RunProgress, *, wall_s: float, num_restarts: int) -> CurvePoint:
    """Return a run's progress as a point of its curves."""
    values: dict[str, float | None] = {
        "run/env_steps": progress.env_steps,
        "run/env_steps_per_s": progress.env_steps_per_s,
        "run/labels": progress.num_labels if progress.has_labels else None,
        "run/labels_due": progress.num_labels_due,
        "run/policy_version": progress.policy_version,
        "run/reward_version": progress.reward_version,
        "episode/true_return_mean": progress.true_return_mean,
        "episode/flips_mean": progress.flips_mean,
        "episode/landed_flips_mean": progress.landed_flips_mean,
        "reward/predicted_reward_mean": progress.predicted_reward_mean,
        "reward/preference_accuracy": progress.preference_accuracy,
        "reward/num_accuracy_preferences": progress.num_accuracy_preferences or None,
        "reward/training_loss": progress.training_loss,
        **{f"learner/{name}": value for name, value in progress.statistics.items()},
    }
    return CurvePoint(
        env_steps=progress.env_steps,
        wall_s=wall_s,
        num_restarts=num_restarts,
        state=progress.state,
        scalars={tag: value for tag, value in values.items() if value is not None},
    )


def results_of(summary: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of ``summary.json`` that runs are compared by."""
    names = (
        "true_return_mean",
        "flips_per_episode",
        "landed_flips_per_episode",
        "preference_accuracy",
        "labels",
        "env_steps",
        "wall_s",
    )
    return {name: float(summary[name]) for name in names if summary.get(name) is not None}
