"""The rows of the preference log, and a slice of it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from services.labeler.model.run_state import RunState
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment

__all__ = ["LogPage", "PreferenceRecord", "WeightChange"]


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
