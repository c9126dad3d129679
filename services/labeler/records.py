"""What the labeler service speaks of: labelers, queries, leases and the rows of the preference log."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass

from somersault.types import Preference, Role, StoredSegment

__all__ = [
    "Labeler",
    "Lease",
    "PreferenceRecord",
    "Proposal",
    "Query",
    "QueryPage",
    "QueryState",
    "RunStats",
    "Side",
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
class Proposal:
    """Names one pair of stored segments to be compared."""

    proposal_id: str
    """The proposer's name for it, unique in the run."""
    first: StoredSegment
    second: StoredSegment
    wants_clips: bool
    """Draws clips of it, so that a person may be asked or may look."""


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

    def seen_by(self, role: Role) -> Query:
        """Gives the query without the keys of objects that the role may not read."""
        return dataclasses.replace(self, left=_hide(self.left, role), right=_hide(self.right, role))


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


def _hide(side: Side, role: Role) -> Side:
    if role is Role.TEACHER:
        return side
    segment_uri = "" if role is Role.LABELER else side.segment_uri
    return dataclasses.replace(side, sealed_uri="", segment_uri=segment_uri)
