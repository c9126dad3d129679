"""Slices of the preference log, and rows to import, to messages and back."""

from __future__ import annotations

from typing import Any

from services.labeler.model.preference_log import LogSlice
from somersault.domain.preference_log import PreferenceRecord, WeightChange
from somersault.errors import InvalidInputError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from somersault.wire.preference_checks import check_log_row
from somersault.wire.preference_log import (
    record_from_message,
    record_to_message,
    weight_change_from_message,
    weight_change_to_message,
)

__all__ = ["imported_rows_from_message", "slice_to_messages"]


def imported_rows_from_message(request: pb.ImportPreferencesRequest) -> list[PreferenceRecord | WeightChange]:
    """Return the rows to import.

    Raises:
        InvalidInputError: one is out of bounds; the message names it by its position.
    """
    rows: list[preference_pb2.PreferenceRecord | preference_pb2.WeightChange] = [*request.records]
    rows += request.weight_changes
    for row in rows:
        try:
            check_log_row(row)
        except InvalidInputError as error:
            raise InvalidInputError(f"row {row.cursor}: {error}") from error
    return [
        *map(record_from_message, request.records),
        *map(weight_change_from_message, request.weight_changes),
    ]


def slice_to_messages(log_slice: LogSlice) -> dict[str, Any]:
    """Return a slice of the log as the two fields that every message of the log has."""
    return {
        "records": [record_to_message(record) for record in log_slice.records],
        "weight_changes": [weight_change_to_message(change) for change in log_slice.weight_changes],
    }
