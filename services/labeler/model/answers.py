"""Answers as their labelers and owners see them."""

from __future__ import annotations

from dataclasses import dataclass

from services.labeler.model.queries import Query
from somersault.domain.feedback import Preference

__all__ = ["OwnAnswer", "QueryAnswer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAnswer:
    """One of a labeler's own answers, in its newest version."""

    query: Query
    answer_id: str
    version: int
    preference: Preference
    answered_ms: int
    is_revisable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """A counted answer to a query, in its newest version."""

    labeler_id: str
    name: str
    preference: Preference
    answered_ms: int
