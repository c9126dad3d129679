"""How many labels to ask for, and how far the learner may go without those that are missing."""

from __future__ import annotations

import bisect
from dataclasses import dataclass

from services.reward.config import RewardConfig
from services.reward.pacing.label_schedule import LabelScheduleConfig, labels_due

__all__ = ["NO_HORIZON", "LabelPacing", "QueryCounts"]

_MOST_AT_ONCE = 256  # queries of one proposal; each must be stored by a simulator first

NO_HORIZON = 2**62
"""The learner may go as far as it likes."""

_LAG_SHARE = 10  # a tenth of the budget, so that 20 labels are not half over before their policy is
_LONGEST_LAG = 10  # about a minute of labeling


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCounts:
    """How many of a run's queries are in which state."""

    num_asked: int
    """Those that count against the budget."""
    num_open: int
    """Not yet answered, nor skipped by any labeler."""
    num_answered: int
    has_begun: bool = True
    """Whether anything has ever been asked, even if it failed."""


class LabelPacing:
    """Decides from counts alone, given the current budget and whether the run is to finish."""

    def __init__(self, config: RewardConfig) -> None:
        """Start with the budget that the settings give."""
        self._config = config
        self.is_finishing = False
        """Whether an owner wants the run to finish now: nothing more is asked, and nothing is waited for."""
        self.set_budget(None)

    def set_budget(self, label_budget: int | None) -> None:
        """Change the labels that the run may use; None for as many as the settings say."""
        config = self._config
        num_labels = label_budget or config.label_budget
        self._schedule = LabelScheduleConfig(
            num_labels=num_labels,
            num_given=min(config.num_given_labels, num_labels),
            initial_fraction=config.initial_fraction,
            last_label_step=max(1, round(config.total_env_steps * config.labeling_fraction)),
        )

    @property
    def label_budget(self) -> int:
        """Labels that the run may use."""
        return self._schedule.num_labels

    @property
    def max_label_lag(self) -> int | None:
        """How many answers the learner may be behind the schedule; None if it never waits for them."""
        lag = self._config.max_label_lag
        if lag == "auto":
            return min(_LONGEST_LAG, max(1, self.label_budget // _LAG_SHARE))
        return lag

    @property
    def num_initial(self) -> int:
        """Labels that are learned together to make the first reward version."""
        return self.num_due(0)

    def num_due(self, env_steps: int) -> int:
        """Return how many labels are due at a step."""
        return labels_due(self._schedule, env_steps)

    def num_due_per_step(self, env_steps: int) -> float:
        """Return how many labels come due with each step from here on; 0 once all are due."""
        last = self._schedule.last_label_step
        if env_steps >= last:
            return 0.0
        return (self.num_due(last) - self.num_due(env_steps)) / (last - env_steps)

    def num_to_ask(self, env_steps: int, counts: QueryCounts) -> int:
        """Return how many queries are due and have not been asked."""
        return self._allowed(self.num_due(env_steps) - counts.num_asked, counts)

    def num_to_ask_ahead(self, env_steps: int, counts: QueryCounts, *, is_pretrained: bool) -> int:
        """Return how many queries to ask so that some are ready, though never far ahead of the schedule.

        A quick labeler would otherwise spend the whole budget on the first, bad policy. But if nothing could be learned
        from the answers so far, because no pair could be compared, more must be asked whatever the schedule says.
        """
        behind = self.num_due(env_steps) - counts.num_asked
        if not is_pretrained and not counts.num_open:
            behind = max(0, behind)
        num_missing = self._config.num_ready_queries - counts.num_open
        return self._allowed(max(behind, min(num_missing, behind + self._config.num_ready_queries)), counts)

    def horizon(self, counts: QueryCounts, *, has_segments: bool, is_pretrained: bool) -> int:
        """Return the step up to which the learner may go in free pacing; -1 if it may not even begin.

        With people it takes no step at which all labels are due before they are answered: a run that is over can't be
        taught.

        Args:
            counts: how many queries are in which state.
            has_segments: whether there are enough segments to ask about.
            is_pretrained: whether there is a reward version.
        """
        last, most = self._schedule.last_label_step, self.max_label_lag
        if self.is_finishing or counts.num_answered >= self.label_budget:
            return NO_HORIZON
        if not counts.has_begun and not has_segments:  # they must come first
            return NO_HORIZON if most is None else last - 1
        if not is_pretrained:
            return -1
        if most is None:
            return NO_HORIZON
        return bisect.bisect_right(range(last), counts.num_answered + most, key=self.num_due) - 1

    def num_awaited(
        self, env_steps: int, counts: QueryCounts, *, has_segments: bool, is_pretrained: bool
    ) -> int:
        """Return how many answers the learner needs before it may go on from a step in free pacing; 0 if it may."""
        if env_steps <= self.horizon(counts, has_segments=has_segments, is_pretrained=is_pretrained):
            return 0
        if not is_pretrained:
            return max(1, self.num_initial - counts.num_answered)
        lag = 0 if env_steps >= self._schedule.last_label_step else self.max_label_lag or 0
        return max(1, self.num_due(env_steps) - lag - counts.num_answered)

    def _allowed(self, num_queries: int, counts: QueryCounts) -> int:
        if self.is_finishing:
            return 0
        return max(0, min(num_queries, self.label_budget - counts.num_asked, _MOST_AT_ONCE))
