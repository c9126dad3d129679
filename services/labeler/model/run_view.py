"""What owners see of a run: learning curves, and clips with what was predicted of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from services.labeler.model.records import PredictedRewards, Query, Run
from services.labeler.model.run_state import RunResult
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role

__all__ = [
    "ClipChoice",
    "ClippedQuery",
    "PolicyClip",
    "ProgressPoint",
    "ProgressReport",
    "QueryAnswer",
    "RunView",
    "TrueReturns",
]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyClip:
    """A clip of what a policy of a run does."""

    policy_version: int
    env_steps: int
    clip_uri: str
    sha256: str
    duration_s: float
    is_final: bool
    predicted_rewards: Sequence[float]
    """A step; empty if nothing was predicted."""
    true_return: float | None
    created_ms: int = 0
    """0 in a request: the database's clock says when."""

    def seen_by(self, role: Role) -> PolicyClip:
        """Return the clip as a role may know it: who knows what is predicted answers otherwise."""
        if role is Role.OWNER:
            return self
        return dataclasses.replace(self, predicted_rewards=(), true_return=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """Holds a counted answer to a query, in its newest version."""

    labeler_id: str
    name: str
    preference: Preference
    answered_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipChoice:
    """Which queries with clips an owner looks at, and in which order."""

    labeler_id: str | None = None
    """Only those that this labeler answered."""
    preference: Preference | None = None
    """Only those with an answer of this kind, by that labeler if there is one."""
    is_answered: bool = False
    """Only those with an answer."""
    is_by_disagreement: bool = False
    """Those whose answers differ first, then those answered otherwise than predicted; else newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClippedQuery:
    """Holds a query whose clips are stored."""

    query: Query
    predicted: PredictedRewards | None
    """Of the left segment first; None where nothing was predicted."""
    answers: list[QueryAnswer]
    left_duration_s: float
    right_duration_s: float
