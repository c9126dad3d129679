"""Runs: their settings, counts and guidelines."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from services.labeler.model.progress import ProgressPoint
from services.labeler.model.run_state import RunResult, RunState
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role

__all__ = ["Guidelines", "Run", "RunStats", "RunView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidelines:
    """One version of a run's guidelines."""

    version: int
    text: str
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run and its settings."""

    run_id: str
    task: str
    question: str
    created_ms: int
    target_answers: int
    asks_again: bool
    """Whether a query whose answers differ wants one more, once."""
    gold_interval: int
    is_paused: bool
    """Whether an owner paused it; a paused run leases nothing."""
    guidelines_version: int
    newest_cursor: int
    state: RunState
    label_budget: int
    """As set by an owner; 0 if it wasn't."""
    is_finishing: bool
    """Whether it was asked to finish with its current policy."""
    num_answered: int
    identity: str
    """Tells runs of one name apart; empty if none was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStats:
    """A run's counts of queries and answers; a leased query counts as leased only."""

    num_rendering: int
    num_ready: int
    num_leased: int
    num_answered: int
    num_by_preference: dict[Preference, int]
    """By newest version, without extras."""
    num_last_hour: int
    num_own: int
    question: str
    newest_cursor: int
    """Of a row that is neither gold nor a weight change."""
    newest_log_cursor: int
    oldest_ready_age_s: float
    num_last_hour_by_labelers: int
    num_last_hour_by_teachers: int
    guidelines_version: int
    is_paused: bool
    run_state: RunState
    label_budget: int
    """As set by an owner, or else as last reported; 0 without either."""
    num_awaited: int
    """As last reported, less the answers since."""
    result: RunResult | None
    task: str

    def seen_by(self, role: Role) -> RunStats:
        """Return the counts as a role may see them: labelers don't see each other's answers, services no true returns."""
        result = self.result and self.result.seen_by(role)
        by_preference = {} if role is Role.LABELER else self.num_by_preference
        return dataclasses.replace(self, num_by_preference=by_preference, result=result)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run with its progress and result."""

    run: Run
    newest_point: ProgressPoint | None
    result: RunResult | None
    newest_policy_clip: int | None
    """The version of the newest policy that has a clip."""

    @property
    def label_budget(self) -> int:
        """Labels that the run may use: as set by an owner, or else as last reported; 0 without either."""
        reported = self.newest_point.report.label_budget if self.newest_point else 0
        return self.run.label_budget or reported

    def seen_by(self, role: Role) -> RunView:
        """Return the view as a role may see it: only owners see true returns."""
        if role is Role.OWNER:
            return self
        point = self.newest_point and dataclasses.replace(self.newest_point, true_returns=None)
        return dataclasses.replace(self, newest_point=point, result=self.result and self.result.seen_by(role))
