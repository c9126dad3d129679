"""How far the learner is, for those who watch and as metrics."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import prometheus_client

__all__ = ["LearnerState", "Progress", "set_metrics"]

_ENV_STEPS = prometheus_client.Gauge(
    "somersault_learner_env_steps", "Environment steps learned from, over all restarts"
)
_POLICY_VERSION = prometheus_client.Gauge("somersault_learner_policy_version", "Newest policy version")
_REWARD_VERSION = prometheus_client.Gauge(
    "somersault_learner_reward_version", "Reward version that scored the last batch"
)
_PREDICTED_REWARD = prometheus_client.Gauge(
    "somersault_learner_predicted_reward_mean",
    "Mean predicted reward per step over the last batch, not normalised",
)
_NUM_DROPPED = prometheus_client.Gauge(
    "somersault_learner_num_dropped_rollouts", "Rollouts dropped since the start, by reason", ["reason"]
)


class LearnerState(enum.StrEnum):
    """What the learner is doing."""

    WAITING_FOR_SIMULATORS = "waiting_for_simulators"
    WAITING_FOR_REWARD = "waiting_for_reward"
    LEARNING = "learning"
    PAUSED = "paused"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the learner is and how the last improvement went. `learner.proto` explains the fields."""

    state: LearnerState = LearnerState.WAITING_FOR_SIMULATORS
    env_steps: int = 0
    """Steps learned from; a batch that waits for its rewards doesn't count yet."""
    policy_version: int = 0
    reward_version: int = 0
    env_steps_per_s: float = 0.0
    predicted_reward_mean: float = 0.0
    statistics: Mapping[str, float] = field(default_factory=dict)
    """Of the last improvement, named by the algorithm."""
    num_stale: int = 0
    num_repeated: int = 0
    num_spare: int = 0
    """Rollouts gathered for their segments alone."""
    num_simulators: int = 0
    checkpoint_env_steps: int = 0
    num_dropped_improvements: int = 0
    """Taken back because a number was no longer finite."""
    is_without_reward_service: bool = False
    """It goes on with its copy of the reward model, because the reward service is away or says nothing."""
    is_checkpoint_late: bool = False
    """The last checkpoint that was due could not be stored yet."""

    @property
    def alarms(self) -> dict[str, float]:
        """What isn't as it should be, as statistics; empty while all is well."""
        found = {
            "alarm_dropped_improvements": self.num_dropped_improvements,
            "alarm_without_reward_service": self.is_without_reward_service,
            "alarm_checkpoint_late": self.is_checkpoint_late,
        }
        return {name: float(value) for name, value in found.items() if value}


def set_metrics(progress: Progress) -> None:
    """Set the metrics to this progress."""
    _ENV_STEPS.set(progress.env_steps)
    _POLICY_VERSION.set(progress.policy_version)
    _REWARD_VERSION.set(progress.reward_version)
    _PREDICTED_REWARD.set(progress.predicted_reward_mean)
    _NUM_DROPPED.labels(reason="stale").set(progress.num_stale)
    _NUM_DROPPED.labels(reason="repeated").set(progress.num_repeated)
    _NUM_DROPPED.labels(reason="spare").set(progress.num_spare)
