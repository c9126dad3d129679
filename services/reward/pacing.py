"""How many labels to ask for, and whether the learner may go on without those that are missing."""

from __future__ import annotations

from dataclasses import dataclass

from services.reward.config import RewardConfig
from services.reward.label_schedule import LabelScheduleConfig, labels_due

__all__ = ["Count", "Pacing"]

_MOST_AT_ONCE = 256  # queries of one proposal; each must be stored by a simulator first


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Where a run's queries stand."""

    num_asked: int
    """That count against the budget."""
    num_open: int
    """Not yet answered."""
    num_answered: int


class Pacing:
    """Decides from counts alone."""

    def __init__(self, config: RewardConfig) -> None:
        """Takes the settings."""
        self._config = config
        self._schedule = LabelScheduleConfig(
            num_labels=config.label_budget,
            initial_fraction=config.initial_fraction,
            last_label_step=max(1, round(config.total_env_steps * config.labeling_fraction)),
        )

    @property
    def num_initial(self) -> int:
        """Labels that are learned together before there is a reward version."""
        return self.num_due(0)

    def num_due(self, env_steps: int) -> int:
        """Gives how many labels are due at a step."""
        return labels_due(self._schedule, env_steps)

    def num_due_per_step(self, env_steps: int) -> float:
        """Gives how many labels come due with each step from here on, until all are; 0 then."""
        last = self._schedule.last_label_step
        if env_steps >= last:
            return 0.0
        return (self.num_due(last) - self.num_due(env_steps)) / (last - env_steps)

    def num_to_ask(self, env_steps: int, count: Count) -> int:
        """Gives how many queries are due and not asked."""
        return self._allowed(self.num_due(env_steps) - count.num_asked, count)

    def num_to_ask_ahead(self, env_steps: int, count: Count) -> int:
        """Gives how many queries to ask so that some are ready, though never far ahead of the schedule.

        A quick labeler would otherwise spend the whole budget on the first, bad policy.
        """
        behind = self.num_due(env_steps) - count.num_asked
        wanting = self._config.num_ready_queries - count.num_open
        return self._allowed(max(behind, min(wanting, behind + self._config.num_ready_queries)), count)

    def may_go_on(self, env_steps: int, count: Count, *, has_segments: bool, is_pretrained: bool) -> bool:
        """Tells whether, in free pacing, the learner may go on past a step.

        Args:
            env_steps: the step.
            count: where the queries stand.
            has_segments: whether there are enough segments to ask about.
            is_pretrained: whether there is a reward version.
        """
        if not count.num_asked and not has_segments:
            return True  # segments must come first
        lag, most = self.num_due(env_steps) - count.num_answered, self._config.max_label_lag
        return is_pretrained and (most is None or lag <= most)

    def _allowed(self, num_queries: int, count: Count) -> int:
        return min(num_queries, self._config.label_budget - count.num_asked, _MOST_AT_ONCE)
