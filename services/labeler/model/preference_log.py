"""A slice of the preference log; `somersault.domain.preference_log` has its rows."""

from __future__ import annotations

from dataclasses import dataclass

from services.labeler.model.run_state import RunState
from somersault.domain.preference_log import PreferenceRecord, WeightChange

__all__ = ["LogPage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPage:
    """What follows a position of the log."""

    records: list[PreferenceRecord]
    weight_changes: list[WeightChange]
    cursor: int
    """Everything up to here is in this slice or those before."""
    run_state: RunState | None = None
    """None where more follows: a full slice is remembered, and the run goes on meanwhile."""
