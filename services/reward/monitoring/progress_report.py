"""What the labeler is told of a run, and what it says in return that the run's owner wants."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ProgressReport", "RunControls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """One point of the learning curves, field by field a `ProgressPoint`; None where there is nothing to tell yet."""

    env_steps: int
    total_env_steps: int
    env_steps_per_s: float | None
    label_budget: int
    num_labels_due: int
    wished_labels_per_hour: float | None
    num_answered: int
    """As the reward service counts them; not sent, because the labeler keeps its own count."""
    preference_accuracy: float | None
    num_accuracy_preferences: int
    predicted_reward_mean: float | None
    reward_version: int
    num_pool_segments: int
    num_awaited: int
    training_loss: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunControls:
    """What the run's owner wants."""

    is_paused: bool = False
    """No query is leased; the labeler sees to that, and everything else goes on."""
    label_budget: int | None = None
    """Labels that the run may use; None for as many as the settings say."""
    is_finishing: bool = False
    """The learner must finish with the policy that it has."""
