"""Queries as the reward service and the labeler exchange them."""

from __future__ import annotations

from dataclasses import dataclass

from somersault.domain.arrays import FloatArray
from somersault.domain.trajectory import StoredSegment

__all__ = ["KnownQuery", "PredictedPair", "Proposal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedPair:
    """What a reward version predicts of two segments."""

    first: FloatArray
    """``[L]`` float32, one value a step."""
    second: FloatArray
    """``[L]`` float32."""
    reward_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Two stored segments to be compared."""

    proposal_id: str
    first: StoredSegment
    second: StoredSegment
    wants_clips: bool
    predicted: PredictedPair | None = None
    """For owners to look at; None while nothing has been learned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownQuery:
    """A query that the labeler holds."""

    query_id: str
    is_open: bool
    """Neither answered, withdrawn nor failed."""
    segment_ids: frozenset[str]
    """The two segments."""
    num_skips: int = 0
    """Labelers who skipped it, who never get it again."""
