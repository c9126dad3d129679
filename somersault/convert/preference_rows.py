"""Rows of an exported preference log: flat, so that any tool reads them, and back to messages.

`COLUMNS` is the schema of both file formats: a line of JSONL is an object with these keys, a Parquet file has these
columns. A row of kind ``preference`` is an answer or its revision, one of kind ``weight`` a change of a labeler's weight;
columns that a kind does not have are null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from google.protobuf import timestamp_pb2

from somersault.convert.preference import (
    preference_from_message,
    preference_to_message,
    role_from_message,
    role_to_message,
)
from somersault.errors import InvalidInputError
from somersault.types import Preference, Role
from somersault.v1 import preference_pb2, trajectory_pb2

__all__ = ["COLUMNS", "Column", "message_from_row", "row_from_record", "row_from_weight_change"]

Column = Literal["string", "int64", "float64", "bool"]
Row = dict[str, Any]

_SIDE: dict[str, Column] = {
    "segment_id": "string",
    "segment_uri": "string",
    "sealed_uri": "string",
    "duration_s": "float64",
}
_PLAIN: dict[str, Column] = {
    "query_id": "string",
    "answer_id": "string",
    "version": "int64",
    "is_extra": "bool",
    "response_ms": "int64",
    "is_gold": "bool",
    "answer_number": "int64",
    "target_answers": "int64",
    "guidelines_version": "int64",
}
_CHANGE: dict[str, Column] = {"changed_by": "string", "reason": "string", "change_id": "string"}

COLUMNS: Mapping[str, Column] = {
    "kind": "string",
    "cursor": "int64",
    "run_id": "string",
    "labeler_id": "string",
    "weight": "float64",
    "commit_time_ms": "int64",
    "labeler_role": "string",
    "preference": "string",
    **_PLAIN,
    **{f"{side}_{name}": kind for side in ("left", "right") for name, kind in _SIDE.items()},
    "gold_kind": "string",
    "gold_preference": "string",
    **_CHANGE,
}
"""Name and type of each column, in order."""


def row_from_record(record: preference_pb2.PreferenceRecord) -> Row:
    """Gives the row of an answer or its revision."""
    row = _row("preference", record)
    row |= {name: getattr(record, name) for name in _PLAIN}
    row["weight"] = record.weight if record.HasField("weight") else 1.0
    row["labeler_role"] = role_from_message(record.labeler_role).value
    row["preference"] = preference_from_message(record.preference).value
    for side in ("left", "right"):
        row |= {f"{side}_{name}": getattr(getattr(record, side), name) for name in _SIDE}
    if record.is_gold:
        row["gold_kind"] = record.gold_kind
        row["gold_preference"] = preference_from_message(record.gold_preference).value
    return row


def row_from_weight_change(change: preference_pb2.WeightChange) -> Row:
    """Gives the row of a change of a labeler's weight."""
    row = _row("weight", change)
    row |= {name: getattr(change, name) for name in ("weight", *_CHANGE)}
    return row


def message_from_row(
    row: Mapping[str, Any],
) -> preference_pb2.PreferenceRecord | preference_pb2.WeightChange:
    """Gives the message that a row was made from.

    Raises:
        InvalidInputError: a column is missing, unknown, or of another type.
    """
    if row.get("kind") not in ("preference", "weight"):
        raise InvalidInputError("kind", row.get("kind"), "'preference' or 'weight'")
    if unknown := sorted(set(row) - set(COLUMNS)):
        raise InvalidInputError("column", unknown[0], "one of the documented schema")
    try:
        return _record(row) if row["kind"] == "preference" else _change(row)
    except KeyError as err:
        raise InvalidInputError("column", err.args[0], "in every row of its kind") from err
    except (TypeError, ValueError) as err:
        raise InvalidInputError(f"row {row.get('cursor')!r} of the export can't be read: {err}") from err


def _row(kind: str, message: preference_pb2.PreferenceRecord | preference_pb2.WeightChange) -> Row:
    time = message.commit_time
    return dict.fromkeys(COLUMNS) | {
        "kind": kind,
        "cursor": message.cursor,
        "run_id": message.run_id,
        "labeler_id": message.labeler_id,
        "commit_time_ms": time.seconds * 1000 + time.nanos // 1_000_000,
    }


def _record(row: Mapping[str, Any]) -> preference_pb2.PreferenceRecord:
    sides: dict[str, Any] = {
        side: trajectory_pb2.StoredSegment(**{name: row[f"{side}_{name}"] for name in _SIDE})
        for side in ("left", "right")
    }
    message = preference_pb2.PreferenceRecord(
        **_common(row),
        **{name: row[name] for name in _PLAIN},
        **sides,
        weight=row["weight"],
        labeler_role=role_to_message(Role(row["labeler_role"])),
        preference=preference_to_message(Preference(row["preference"])),
    )
    if row["is_gold"]:
        message.gold_kind = row["gold_kind"]
        message.gold_preference = preference_to_message(Preference(row["gold_preference"]))
    return message


def _change(row: Mapping[str, Any]) -> preference_pb2.WeightChange:
    names: Sequence[str] = ("weight", *_CHANGE)
    return preference_pb2.WeightChange(**_common(row), **{name: row[name] for name in names})


def _common(row: Mapping[str, Any]) -> Row:
    seconds, milliseconds = divmod(row["commit_time_ms"], 1000)
    time = timestamp_pb2.Timestamp(seconds=seconds, nanos=milliseconds * 1_000_000)
    return {**{name: row[name] for name in ("cursor", "run_id", "labeler_id")}, "commit_time": time}
