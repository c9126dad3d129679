"""What a run tells those who draw its curves, whoever they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from somersault.cli.monitoring.progress import RunProgress

__all__ = ["CurvePoint", "CurveSink", "RunFacts", "make_point", "results_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What is known of a run when it begins."""

    run_id: str
    settings: Mapping[str, bool | int | float | str]
    """What tells runs apart, by name."""
    texts: Mapping[str, str]
    """What people are asked and told, in Markdown, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """One point of each curve."""

    env_steps: int
    wall_s: float
    """Seconds of training, over all lives of the run."""
    num_restarts: int
    state: str
    scalars: Mapping[str, float] = field(default_factory=dict)
    """By tag; what no service has told yet is missing."""


class CurveSink(Protocol):
    """Takes what a run tells. Called from one thread."""

    def write(self, point: CurvePoint) -> None:
        """Take a point, further than those before it."""

    def rewind(self, env_steps: int) -> None:
        """Forget points after this step: a checkpoint was restored, and what came after it is lost."""

    def add_video(self, name: str, clip: bytes, *, env_steps: int) -> None:
        """Take an mp4 of the policy as it is at this step."""

    def finish(self, results: Mapping[str, float], *, env_steps: int) -> None:
        """Take what came of the run, by name."""

    def close(self) -> None:
        """Let nothing be lost that was taken."""


def make_point(progress: RunProgress, *, wall_s: float, num_restarts: int) -> CurvePoint:
    """Return a run's progress as a point."""
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
    """Return the numbers of ``summary.json`` by which runs are compared."""
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
