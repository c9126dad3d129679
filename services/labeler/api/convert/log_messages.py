"""Slices of the preference log, and rows to import, to messages and back."""

from __future__ import annotations

from typing import Any

from services.labeler.model.preference_log import LogPage
from somersault.domain.preference_log import PreferenceRecord, WeightChange
from somersault.v1 import labeler_pb2 as pb
from somersault.wire.preference_checks import check_log_row
from somersault.wire.preference_log import (
    record_from_message,
    record_to_message,
    weight_change_from_message,
    weight_change_to_message,
)

__all__ = ["imported_rows_from_message", "page_to_messages"]


def imported_rows_from_message(request: pb.ImportPreferencesRequest) -> list[PreferenceRecord | WeightChange]:
    """Return the rows that are to be taken in.

    Raises:
        InvalidInputError: one is out of bounds.
    """
    for record in request.records:
        check_log_row(record)
    for change in request.weight_changes:
        check_log_row(change)
    return [
        *map(record_from_message, request.records),
        *map(weight_change_from_message, request.weight_changes),
    ]


def page_to_messages(page: LogPage) -> dict[str, Any]:
    """Gives a page of the log as the two fields that each message of it has."""
    return {
        "records": [record_to_message(record) for record in page.records],
        "weight_changes": [weight_change_to_message(change) for change in page.weight_changes],
    }
