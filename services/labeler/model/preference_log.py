"""A slice of the preference log; `somersault.domain.preference_log` has its rows."""

from __future__ import annotations

from dataclasses import dataclass

from services.labeler.model.run_state import RunState
from somersault.domain.preference_log import PreferenceRecord, WeightChange

__all__ = ["LogSlice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSlice:
    """The rows after a position of the log."""

    records: list[PreferenceRecord]
    weight_changes: list[WeightChange]
    cursor: int
    """Everything up to here is in this slice or in earlier ones."""
    commit_id: str
    """Names the commit of the row there; empty at 0."""
    run_state: RunState | None = None
    """None for a full slice, which is cached while the run goes on."""
