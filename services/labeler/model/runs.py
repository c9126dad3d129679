"""Runs: how they ask, how they stand, what they are judged by."""

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
    """Holds one version of what labelers are told to judge by."""

    version: int
    text: str
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Describes a run and how it asks."""

    run_id: str
    task: str
    question: str
    created_ms: int
    target_answers: int
    asks_again: bool
    """Wants one more answer, once a query, when its answers differ."""
    gold_interval: int
    is_paused: bool
    """Nothing of it is leased."""
    guidelines_version: int
    newest_cursor: int
    state: RunState
    label_budget: int
    """As an owner said; 0 for nothing."""
    is_finishing: bool
    """Told to finish with the policy that it has."""
    num_answered: int
    identity: str
    """Which run of that name it is; empty if nobody has said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStats:
    """Counts a run's queries and answers; a query that is promised now counts as leased alone."""

    num_rendering: int
    num_ready: int
    num_leased: int
    num_answered: int
    num_by_preference: dict[Preference, int]
    """Newest versions, without extras."""
    num_last_hour: int
    num_own: int
    question: str
    newest_cursor: int
    """Of a row that is neither gold nor a change of weight."""
    newest_log_cursor: int
    oldest_ready_age_s: float
    num_last_hour_by_labelers: int
    num_last_hour_by_teachers: int
    guidelines_version: int
    is_paused: bool
    run_state: RunState
    label_budget: int
    """As an owner said, or else the newest report; 0 if neither did."""
    num_awaited: int
    """As of the newest report, less the answers since."""
    result: RunResult | None
    task: str

    def seen_by(self, role: Role) -> RunStats:
        """Return the counts as a role may know them: labelers are blind to each other, services to true returns."""
        result = self.result and self.result.seen_by(role)
        by_preference = {} if role is Role.LABELER else self.num_by_preference
        return dataclasses.replace(self, num_by_preference=by_preference, result=result)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run and how it stands."""

    run: Run
    newest_point: ProgressPoint | None
    result: RunResult | None
    newest_policy_clip: int | None
    """A policy version."""

    @property
    def label_budget(self) -> int:
        """Labels that the run may use: as an owner said, or else its newest report; 0 if neither did."""
        reported = self.newest_point.report.label_budget if self.newest_point else 0
        return self.run.label_budget or reported

    def seen_by(self, role: Role) -> RunView:
        """Return the view as a role may know it: owners alone see true returns."""
        if role is Role.OWNER:
            return self
        point = self.newest_point and dataclasses.replace(self.newest_point, true_returns=None)
        return dataclasses.replace(self, newest_point=point, result=self.result and self.result.seen_by(role))
