"""A run's progress as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from somersault.cli.monitoring.lessons import Lessons

__all__ = ["RunProgress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """A run's progress. What no service has reported yet is None or 0."""

    state: str
    is_finished: bool
    has_learner: bool = True
    """Whether the learner has reported its step."""
    env_steps: int
    total_env_steps: int
    env_steps_per_s: float
    policy_version: int
    reward_version: int
    num_labels: int
    has_labels: bool = True
    """Whether the labeler has reported the count."""
    label_budget: int
    num_labels_due: int
    """Labels due by the label schedule at the learner's step."""
    num_open_queries: int
    """Queries that wait for an answer."""
    num_awaited: int = 0
    """Answers that the learner waits for."""
    num_lost_comparisons: int = 0
    """Answers that can't be learned from because their segments are lost."""
    is_paused: bool = False
    """Whether an owner has paused labeling."""
    labels_per_s: float | None = None
    """Answers per second over the last minutes if people answer; None while there are too few to tell."""
    is_labelled_by_people: bool = False
    num_preferring: int = 0
    """Answers of left or right."""
    num_equal: int = 0
    num_incomparable: int = 0
    has_broken_returns: bool = False
    """Whether a recent episode's true reward is not finite."""
    true_return_mean: float | None
    flips_mean: float | None
    landed_flips_mean: float | None
    predicted_reward_mean: float | None
    preference_accuracy: float | None
    """How often the reward model predicted the newest answers, 0 to 1."""
    num_accuracy_preferences: int = 0
    """How many answers of left or right that covers."""
    training_loss: float | None = None
    """The reward model's mean loss over its last round, nats per comparison."""
    statistics: Mapping[str, float] = field(default_factory=dict)
    """The learner's statistics of its last improvement."""

    @property
    def lessons(self) -> Lessons:
        """Whether the answers can be learned from."""
        return Lessons(
            num_labels=self.num_labels,
            label_budget=self.label_budget,
            num_preferring=self.num_preferring,
            num_equal=self.num_equal,
            num_incomparable=self.num_incomparable,
            num_open=self.num_open_queries,
        )

    @property
    def time_left_s(self) -> float | None:
        """Estimated seconds until the end, at the speed of the learner and of the labelers; None while unknown."""
        num_steps_left = max(0, self.total_env_steps - self.env_steps)
        steps_s = num_steps_left / self.env_steps_per_s if self.env_steps_per_s > 0 else None
        num_labels_left = max(0, self.label_budget - self.num_labels)
        if not (self.is_labelled_by_people and num_labels_left) or self.is_finished:
            return steps_s
        if self.labels_per_s is None:
            return None
        # A learner that waits for people is slow because of them.
        labels_s = num_labels_left / self.labels_per_s
        return labels_s if self.num_awaited or steps_s is None else max(labels_s, steps_s)
