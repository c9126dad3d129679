"""Rows of an exported preference log: flat, so that any tool reads them, and back to messages.

`COLUMNS` is the schema of both file formats: a line of JSONL is an object with these keys, a Parquet file has these
columns. A row of kind ``preference`` is an answer or its revision, one of kind ``weight`` a change of a labeler's weight;
columns that a kind does not have are null. `columns_of` says which a kind has.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, Literal, TypeVar

from google.protobuf import timestamp_pb2

from somersault.domain.feedback import Preference
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError
from somersault.v1 import preference_pb2, trajectory_pb2
from somersault.wire.preference import (
    preference_from_message,
    preference_to_message,
    role_from_message,
    role_to_message,
)

__all__ = [
    "COLUMNS",
    "Column",
    "LogMessage",
    "Row",
    "columns_of",
    "message_from_row",
    "nearest_columns",
    "row_from_message",
    "row_from_record",
    "row_from_weight_change",
]

Column = Literal["string", "int64", "float64", "bool"]
Row = dict[str, Any]
_Choice = TypeVar("_Choice", Preference, Role)
LogMessage = preference_pb2.PreferenceRecord | preference_pb2.WeightChange

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
_COMMON: dict[str, Column] = {
    "cursor": "int64",
    "run_id": "string",
    "labeler_id": "string",
    "weight": "float64",
    "commit_time_ms": "int64",
}
_GOLD: dict[str, Column] = {"gold_kind": "string", "gold_preference": "string"}
_CHANGE: dict[str, Column] = {"changed_by": "string", "reason": "string", "change_id": "string"}

COLUMNS: Mapping[str, Column] = {
    "kind": "string",
    **_COMMON,
    "labeler_role": "string",
    "preference": "string",
    **_PLAIN,
    **{f"{side}_{name}": kind for side in ("left", "right") for name, kind in _SIDE.items()},
    **_GOLD,
    **_CHANGE,
}
"""Name and type of each column, in order."""
_USUAL = ("kind", "answer_id", "preference")


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


def row_from_message(message: LogMessage) -> Row:
    """Return the row of either kind of message."""
    if isinstance(message, preference_pb2.WeightChange):
        return row_from_weight_change(message)
    return row_from_record(message)


def columns_of(kind: object, *, is_gold: bool) -> list[str]:
    """Return the columns that a row has; in all others it is null.

    Args:
        kind: Its kind.
        is_gold: Whether it is an answer to gold.

    Raises:
        InvalidInputError: there is no such kind.
    """
    if kind not in ("preference", "weight"):
        raise InvalidInputError("kind", kind, "'preference' or 'weight'")
    if kind == "weight":
        return ["kind", *_COMMON, *_CHANGE]
    without = {*_CHANGE, *(() if is_gold else _GOLD)}
    return [name for name in COLUMNS if name not in without]


def nearest_columns(name: str) -> str:
    """Return in words which columns an unknown name may have meant."""
    near = difflib.get_close_matches(name.lower(), COLUMNS, n=3, cutoff=0.5)
    return f"one such as {', '.join(near or _USUAL)}; docs/labeler-api.md has them all"


def message_from_row(row: Mapping[str, Any]) -> LogMessage:
    """Return the message that a row was made from. A column that is null may be left out.

    Raises:
        InvalidInputError: a column is missing, unknown, or of another type; names it, its value and what it must be.
    """
    columns = columns_of(row.get("kind"), is_gold=row.get("is_gold") is True)
    if unknown := [name for name in row if name not in COLUMNS]:
        raise InvalidInputError("column", unknown[0], nearest_columns(unknown[0]))
    for name, value in row.items():
        if value is not None and name not in columns:
            raise InvalidInputError(name, value, f"null in a row of kind {row['kind']}")
    values = {name: _checked(name, row.get(name)) for name in columns}
    return _record(values) if row["kind"] == "preference" else _change(values)


def _checked(name: str, value: Any) -> Any:
    """Return a column's value in its own type; whole numbers may come as floats."""
    kind = COLUMNS[name]
    types, wanted = _TYPES[kind]
    if isinstance(value, bool) and kind != "bool":
        raise InvalidInputError(name, value, wanted)
    whole = int(value) if kind == "int64" and isinstance(value, float) and value.is_integer() else value
    if not isinstance(whole, types):
        raise InvalidInputError(name, value, wanted)
    if isinstance(whole, str) and any("\ud800" <= character <= "\udfff" for character in whole):
        raise InvalidInputError(name, value, "text of whole characters")
    if kind == "int64":
        _check_range(name, whole)
    return float(value) if kind == "float64" else whole


def _check_range(name: str, value: Any) -> None:
    bits = 32 if name in _OF_32_BITS else 64
    if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
        raise InvalidInputError(name, value, f"a whole number of {bits} bits")


_TYPES: Mapping[Column, tuple[type | tuple[type, ...], str]] = {
    "string": (str, "text"),
    "int64": (int, "a whole number"),
    "float64": ((int, float), "a number"),
    "bool": (bool, "true or false"),
}
_OF_32_BITS = frozenset(("version", "answer_number", "target_answers", "guidelines_version"))


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
        labeler_role=role_to_message(_one_of(Role, "labeler_role", row)),
        preference=preference_to_message(_one_of(Preference, "preference", row)),
    )
    if row["is_gold"]:
        message.gold_kind = row["gold_kind"]
        message.gold_preference = preference_to_message(_one_of(Preference, "gold_preference", row))
    return message


def _one_of(choices: type[_Choice], name: str, row: Mapping[str, Any]) -> _Choice:
    try:
        return choices(row[name])
    except ValueError as error:
        raise InvalidInputError(name, row[name], f"one of {', '.join(choices)}") from error


def _change(row: Mapping[str, Any]) -> preference_pb2.WeightChange:
    return preference_pb2.WeightChange(
        **_common(row), weight=row["weight"], **{name: row[name] for name in _CHANGE}
    )


def _common(row: Mapping[str, Any]) -> Row:
    seconds, milliseconds = divmod(row["commit_time_ms"], 1000)
    time = timestamp_pb2.Timestamp(seconds=seconds, nanos=milliseconds * 1_000_000)
    return {**{name: row[name] for name in ("cursor", "run_id", "labeler_id")}, "commit_time": time}
