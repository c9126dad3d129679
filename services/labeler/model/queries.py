"""Queries: proposed, leased, listed."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment

__all__ = [
    "Lease",
    "PredictedRewards",
    "Proposal",
    "Query",
    "QueryPage",
    "QueryState",
    "Renewal",
    "Side",
]


class QueryState(enum.StrEnum):
    """A query's state."""

    RENDERING = "rendering"
    READY = "ready"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedRewards:
    """The rewards that a reward version predicted for two segments, one value per step."""

    first: Sequence[float]
    second: Sequence[float]
    reward_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A pair of stored segments to be compared."""

    proposal_id: str
    """The proposer's name for it, unique within the run."""
    first: StoredSegment
    second: StoredSegment
    wants_clips: bool
    """Whether to render its clips, so that people can be asked or look."""
    target_answers: int | None = None
    """How many labelers are to answer it; None for the run's number."""
    predicted: PredictedRewards | None = None
    """None where nothing was predicted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of a query's two segments."""

    segment_id: str
    segment_uri: str
    sealed_uri: str
    clip_sha256: str
    """64 hexadecimal digits; empty until both clips of the query are stored and verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Two segments for a labeler to compare."""

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
    """Labelers that skipped it; only counted where queries are listed."""
    gold_interval: int = 0
    """One in so many of the run's pairs is gold; never shown to those who answer."""
    number: int = 0
    """Its row in the database, never shown outside."""

    def seen_by(self, role: Role) -> Query:
        """Return the query as a role may see it, without keys and others' answers where it may not know them."""
        query = dataclasses.replace(self, left=_hide(self.left, role), right=_hide(self.right, role))
        if role in (Role.LABELER, Role.TEACHER):
            return dataclasses.replace(query, target_answers=0, num_answers=0, num_skips=0)
        return query


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPage:
    """A page of a list of queries."""

    queries: list[Query]
    next_number: int | None
    """Where the next page begins; None on the last one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A query promised to one labeler for a limited time."""

    token: str
    query: Query
    expire_ms: int
    remaining_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """When a lease ends now, and when it will at the latest, in milliseconds since 1970."""

    expire_ms: int
    remaining_s: float
    last_ms: int


def _hide(side: Side, role: Role) -> Side:
    if role is Role.TEACHER:
        return side
    segment_uri = "" if role is Role.LABELER else side.segment_uri
    return dataclasses.replace(side, sealed_uri="", segment_uri=segment_uri)
