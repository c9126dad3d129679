"""What owners oversee: labelers' counts, and the audit log."""

from __future__ import annotations

from dataclasses import dataclass

from services.labeler.model.labelers import Labeler
from somersault.domain.roles import Role

__all__ = ["AuditEntry", "LabelerCounts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelerCounts:
    """The counts of a labeler's answers in a run, gold and extras included."""

    labeler: Labeler
    weight: float
    num_left: int
    num_right: int
    num_equal: int
    num_incomparable: int
    num_timed: int
    """Answers with a response time."""
    num_fast: int
    """Those given within half a clip's duration."""
    num_unanimous: int
    num_unanimous_right: int
    num_repeats: int
    num_repeats_right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One change by an owner or a service."""

    number: int
    commit_ms: int
    labeler_id: str
    role: Role
    action: str
    run_id: str
    what: str
    detail: str
    """JSON."""
