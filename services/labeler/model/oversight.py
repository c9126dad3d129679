"""What owners see of labelers and of changes: counts of answers, the audit log."""

from __future__ import annotations

from dataclasses import dataclass

from services.labeler.model.labelers import Labeler
from somersault.domain.roles import Role

__all__ = ["AuditEntry", "LabelerNumbers"]


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
