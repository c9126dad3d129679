"""A run's learning curves: reports of its reward service, and points made of them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ProgressPoint", "ProgressReport", "TrueReturns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """Holds how a run stands, in the words of its reward service; None where there is nothing to tell yet."""

    env_steps: int
    total_env_steps: int
    env_steps_per_s: float | None
    """While the learner learned: waits for labels don't count."""
    label_budget: int
    num_labels_due: int
    wished_labels_per_hour: float | None
    preference_accuracy: float | None
    """0 to 1."""
    num_accuracy_preferences: int
    predicted_reward_mean: float | None
    """A step."""
    reward_version: int
    num_pool_segments: int
    num_awaited: int = 0
    """Answers without which the learner does not go on."""
    training_loss: float | None = None
    """Nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueReturns:
    """Holds how the newest episodes went by the hidden reward."""

    mean: float
    num_episodes: int
    """At least 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressPoint:
    """Holds a point of a run's learning curves: a report, and what the labeler itself knows of that moment."""

    number: int
    """1 for the run's first report, one more for each."""
    report_ms: int
    report: ProgressReport
    num_answered: int
    num_last_hour: int
    true_returns: TrueReturns | None
    """Told to owners alone: neither reward service nor learner may know it."""
