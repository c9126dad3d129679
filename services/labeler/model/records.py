"""What the labeler service speaks of: labelers, queries, leases and the rows of the preference log."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from services.labeler.model.run_state import RunResult, RunState
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment

__all__ = [
    "AuditEntry",
    "Guidelines",
    "KnownLabeler",
    "Labeler",
    "LabelerNumbers",
    "Lease",
    "LogPage",
    "OwnAnswer",
    "PredictedRewards",
    "PreferenceRecord",
    "Proposal",
    "Query",
    "QueryPage",
    "QueryState",
    "Run",
    "RunStats",
    "Side",
    "Webhook",
    "WeightChange",
]


class QueryState(enum.StrEnum):
    """Where a query is in its life."""

    RENDERING = "rendering"
    READY = "ready"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeler:
    """Holds who a token belongs to: a person, a teacher, or a service that only proposes."""

    labeler_id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLabeler:
    """Holds a labeler as owners see it."""

    labeler: Labeler
    created_ms: int
    revoked_ms: int
    """0 while it may call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelerNumbers:
    """Counts a labeler's answers in a run, gold and extras included."""

    labeler: Labeler
    weight: float
    num_left: int
    num_right: int
    num_equal: int
    num_incomparable: int
    num_timed: int
    """Answers with a response time."""
    num_fast: int
    """Those of them that came sooner than half a clip."""
    num_unanimous: int
    num_unanimous_right: int
    num_repeats: int
    num_repeats_right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Guidelines:
    """Holds one version of what labelers are told to judge by."""

    version: int
    text: str
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Holds one change by an owner or a service."""

    number: int
    commit_ms: int
    labeler_id: str
    role: Role
    action: str
    run_id: str
    what: str
    detail: str
    """JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Holds where a run's log is sent and how far that got; its secret stays in the database."""

    webhook_id: str
    run_id: str
    url: str
    created_ms: int
    delivered_cursor: int
    """The receiver has taken the log up to here."""
    num_failures: int
    """Tries in a row that failed; 0 after a success."""
    success_ms: int
    """0 before the first one, as `error_ms`."""
    error_ms: int
    error: str
    """Why the newest of the failed tries failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedRewards:
    """Holds what a reward version predicted of two segments, a value a step."""

    first: Sequence[float]
    second: Sequence[float]
    reward_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Names one pair of stored segments to be compared."""

    proposal_id: str
    """The proposer's name for it, unique in the run."""
    first: StoredSegment
    second: StoredSegment
    wants_clips: bool
    """Draws clips of it, so that a person may be asked or may look."""
    target_answers: int | None = None
    """How many labelers shall answer it; None for as many as the run says."""
    predicted: PredictedRewards | None = None
    """None where nothing was predicted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Describes one half of a query."""

    segment_id: str
    segment_uri: str
    sealed_uri: str
    clip_sha256: str
    """64 hexadecimal digits; empty until both clips of the query are stored and verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Describes two segments put before a labeler."""

    query_id: str
    run_id: str
    question: str
    left: Side
    right: Side
    state: QueryState
    proposed_ms: int
    """Milliseconds since 1970, by the database's clock, as every ``*_ms`` time here."""
    guidelines_version: int = 0
    target_answers: int = 1
    num_answers: int = 0
    num_skips: int = 0
    """Labelers who skipped it; counted where queries are listed, alone."""
    gold_interval: int = 0
    """One in so many of the run's pairs is gold; told to nobody who answers."""
    number: int = 0
    """Its row, which nobody outside is told."""

    def seen_by(self, role: Role) -> Query:
        """Gives the query without what the role may not know: keys of objects, and how far others are."""
        query = dataclasses.replace(self, left=_hide(self.left, role), right=_hide(self.right, role))
        if role in (Role.LABELER, Role.TEACHER):
            return dataclasses.replace(query, target_answers=0, num_answers=0, num_skips=0)
        return query


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPage:
    """Holds a page of a list of queries."""

    queries: list[Query]
    next_number: int | None
    """Where the next page begins; None on the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Holds a query promised to one labeler for a limited time."""

    token: str
    query: Query
    expire_ms: int
    remaining_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAnswer:
    """One of a labeler's answers in its newest version, as it may look at it again."""

    query: Query
    answer_id: str
    version: int
    preference: Preference
    answered_ms: int
    is_revisable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceRecord:
    """Holds one row of the preference log."""

    cursor: int
    run_id: str
    query_id: str
    answer_id: str
    version: int
    preference: Preference
    left: StoredSegment
    right: StoredSegment
    labeler_id: str
    labeler_role: Role
    is_extra: bool
    commit_ms: int
    response_ms: int
    weight: float = 1.0
    """Its labeler's in the run when the row was committed."""
    is_gold: bool = False
    gold_kind: str = ""
    """Empty, unanimous or repeat."""
    gold_preference: Preference | None = None
    answer_number: int = 0
    """Which counted answer of its query it is: 1, 2, …; 0 for extras and gold."""
    target_answers: int = 0
    guidelines_version: int = 0

    @property
    def is_right(self) -> bool:
        """Says of gold whether the known answer was given."""
        return self.preference is self.gold_preference

    def seen_by(self, role: Role) -> PreferenceRecord:
        """Gives the row as its labeler is told: gold looks like any other, and nothing tells of others' answers."""
        if role is not Role.LABELER:
            return self
        return dataclasses.replace(
            self,
            left=dataclasses.replace(self.left, segment_uri="", sealed_uri=""),
            right=dataclasses.replace(self.right, segment_uri="", sealed_uri=""),
            is_extra=self.is_extra and not self.is_gold,
            is_gold=False,
            gold_kind="",
            gold_preference=None,
            weight=1.0,
            answer_number=0,
            target_answers=0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChange:
    """Holds a row of the log that makes all of a labeler's answers in a run count for more or less."""

    cursor: int
    run_id: str
    change_id: str
    labeler_id: str
    weight: float
    changed_by: str
    reason: str
    commit_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """Holds what follows a position of the log."""

    records: list[PreferenceRecord]
    weight_changes: list[WeightChange]
    cursor: int
    """Everything up to here is in this page or those before."""
    run_state: RunState | None = None
    """Not said where more follows: a full page is remembered, and the run goes on meanwhile."""


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


def _hide(side: Side, role: Role) -> Side:
    if role is Role.TEACHER:
        return side
    segment_uri = "" if role is Role.LABELER else side.segment_uri
    return dataclasses.replace(side, sealed_uri="", segment_uri=segment_uri)
