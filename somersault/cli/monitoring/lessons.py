"""Whether a run's answers can teach anything, and if not, why."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Lessons"]

_LEAST_ANSWERS = 10
"""Fewer answers without a preference may be chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """Counts of a run's answers."""

    num_labels: int
    label_budget: int
    num_preferring: int
    """Answers of left or right, the only ones that express a preference."""
    num_equal: int
    num_incomparable: int
    num_open: int
    """Queries that wait for an answer."""

    def why_nothing_yet(self) -> str | None:
        """Return why the answers so far teach nothing, once that is clear; None before, and if they do."""
        is_clear = self.num_labels >= min(_LEAST_ANSWERS, self.label_budget)
        return self._why_no_preference() if is_clear else None

    def why_nothing(self, *, reward_version: int, is_early: bool = False) -> str | None:
        """Return in a few words why a finished run learned nothing; None if it learned something.

        Args:
            reward_version: How many reward versions were learned from the answers.
            is_early: Whether an owner finished it before all its steps.
        """
        if not self.num_labels:
            if not self.num_open and is_early:
                return "it was finished before anything was asked"
            if not self.num_open:
                return "nothing was asked; give it more --steps, for segments to choose from"
            asked = f"{self.num_open} question{' was' if self.num_open == 1 else 's were'}"
            return f"{asked} asked and none answered"
        reason = self._why_no_preference()
        if reason is None and reward_version == 0 and is_early:
            return f"it was finished before its first answers were learned from, with {self.num_labels} of them given"
        if reason is None and reward_version == 0:
            reason = f"no answer of {self.num_labels} could be learned from; logs/reward.log says why"
        return reason

    def _why_no_preference(self) -> str | None:
        num_others = self.num_equal + self.num_incomparable
        if self.num_preferring or not num_others:
            return None
        if not self.num_equal:
            return f"no answer could compare the two clips ({num_others} of {num_others} answers)"
        if not self.num_incomparable:
            return f"both clips were called equally good in all of {num_others} answers"
        return f"no answer prefers a clip: {self.num_equal} say equal, {self.num_incomparable} can't compare"
