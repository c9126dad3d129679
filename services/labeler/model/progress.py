"""Learning curves: reports of a run's reward service, and the points made of them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ProgressPoint", "ProgressReport", "TrueReturns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """A run's progress as its reward service reports it; None where nothing is known yet."""

    env_steps: int
    total_env_steps: int
    env_steps_per_s: float | None
    """Excluding waits for labels."""
    label_budget: int
    num_labels_due: int
    wished_labels_per_hour: float | None
    preference_accuracy: float | None
    """0 to 1."""
    num_accuracy_preferences: int
    predicted_reward_mean: float | None
    """Per step."""
    reward_version: int
    num_pool_segments: int
    num_awaited: int = 0
    """Answers that the learner waits for."""
    training_loss: float | None = None
    """Nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueReturns:
    """The newest episodes by the true reward."""

    mean: float
    num_episodes: int
    """At least 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressPoint:
    """A point of a run's learning curves: a report, and what the labeler itself counted at that moment."""

    number: int
    """1 for the run's first report, one more for each later one."""
    report_ms: int
    report: ProgressReport
    num_answered: int
    num_last_hour: int
    true_returns: TrueReturns | None
    """Shown to owners only: neither reward service nor learner may know it."""
