"""Turns messages of the preference log into rows of an export, flat so that any tool can read them, and back.

`COLUMNS` is the schema of both file formats: a line of JSONL is an object with these keys, a Parquet file has these
columns. A row of kind ``preference`` is an answer or its revision, one of kind ``weight`` a change of a labeler's weight;
columns that a kind doesn't have are null (`columns_of`).
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar, get_type_hints

from google.protobuf.descriptor import FieldDescriptor

from somersault.domain.feedback import Preference
from somersault.domain.preference_log import CHANGE_FIELDS, RECORD_FIELDS, LogField
from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment
from somersault.errors import InvalidInputError
from somersault.v1 import preference_pb2, trajectory_pb2
from somersault.wire.preference import (
    preference_from_message,
    preference_to_message,
    role_from_message,
    role_to_message,
)
from somersault.wire.times import milliseconds_from_timestamp, timestamp_from_milliseconds

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

_KINDS: dict[type, Column] = {
    str: "string",
    int: "int64",
    float: "float64",
    bool: "bool",
    Preference: "string",
    Role: "string",
}
_SEGMENT = {name: _KINDS[kind] for name, kind in get_type_hints(StoredSegment).items()}


def _columns_of_field(each: LogField) -> Iterator[tuple[str, Column]]:
    if each.type is StoredSegment:
        for name, kind in _SEGMENT.items():
            yield f"{each.export}_{name}", kind
    else:
        yield each.export, _KINDS[each.type]


def _columns_of_fields(fields: Sequence[LogField]) -> dict[str, Column]:
    return dict(column for each in fields for column in _columns_of_field(each))


_CHANGE = _columns_of_fields(CHANGE_FIELDS)
_GOLD = _columns_of_fields([each for each in RECORD_FIELDS if each.is_gold])
_RECORD = _columns_of_fields(RECORD_FIELDS)

COLUMNS: Mapping[str, Column] = {"kind": "string", **_RECORD, **_CHANGE}
"""Name and type of each column, in order."""
_USUAL = ("kind", "answer_id", "preference")
_DRAWN = {each.export: each.default for each in (*RECORD_FIELDS, *CHANGE_FIELDS) if each.is_drawn}
"""Columns that rows to import needn't have, and what they then are."""


def row_from_record(record: preference_pb2.PreferenceRecord) -> Row:
    """Return the row of an answer or its revision."""
    row: Row = dict.fromkeys(COLUMNS) | {"kind": "preference"}
    for each in RECORD_FIELDS:
        if each.is_gold and not record.is_gold:
            continue
        if each.type is StoredSegment:
            segment = getattr(record, each.message)
            row |= {f"{each.export}_{name}": getattr(segment, name) for name in _SEGMENT}
        else:
            row[each.export] = _exported(each, record)
    return row


def row_from_weight_change(change: preference_pb2.WeightChange) -> Row:
    """Return the row of a change of a labeler's weight."""
    row: Row = dict.fromkeys(COLUMNS) | {"kind": "weight"}
    return row | {each.export: _exported(each, change) for each in CHANGE_FIELDS}


def row_from_message(message: LogMessage) -> Row:
    """Return the row of either kind of message."""
    if isinstance(message, preference_pb2.WeightChange):
        return row_from_weight_change(message)
    return row_from_record(message)


def _exported(each: LogField, message: Any) -> Any:
    """Return a message's field as it is in a row."""
    value = getattr(message, each.message)
    if each.message != each.export:  # a moment
        return milliseconds_from_timestamp(value)
    if each.type is Preference:
        return preference_from_message(value).value
    if each.type is Role:
        return role_from_message(value).value
    has_default = each.message in _OPTIONAL and each.default is not dataclasses.MISSING
    return each.default if has_default and not message.HasField(each.message) else value


def columns_of(kind: object, *, is_gold: bool) -> list[str]:
    """Return the columns that a row has; all others are null.

    Args:
        kind: Its kind.
        is_gold: Whether it is an answer to gold.

    Raises:
        InvalidInputError: there is no such kind.
    """
    if kind not in ("preference", "weight"):
        raise InvalidInputError("kind", kind, "'preference' or 'weight'")
    if kind == "weight":
        return ["kind", *_CHANGE]
    return ["kind", *(name for name in _RECORD if is_gold or name not in _GOLD)]


def nearest_columns(name: str) -> str:
    """Return, in words, the columns that an unknown name may have meant."""
    near = difflib.get_close_matches(name.lower(), COLUMNS, n=3, cutoff=0.5)
    return f"one such as {', '.join(near or _USUAL)}; docs/labeler-api.md has them all"


def message_from_row(row: Mapping[str, Any]) -> LogMessage:
    """Return the message that a row was made from. A column that is null may be left out.

    Raises:
        InvalidInputError: a column is missing, unknown, or of another type; the message names it, its value and its type.
    """
    columns = columns_of(row.get("kind"), is_gold=row.get("is_gold") is True)
    if unknown := [name for name in row if name not in COLUMNS]:
        raise InvalidInputError("column", unknown[0], nearest_columns(unknown[0]))
    for name, value in row.items():
        if value is not None and name not in columns:
            raise InvalidInputError(name, value, f"null in a row of kind {row['kind']}")
    given = _DRAWN | {name: value for name, value in row.items() if value is not None}
    values = {name: _checked(name, given.get(name)) for name in columns}
    return _record(values) if row["kind"] == "preference" else _change(values)


def _checked(name: str, value: Any) -> Any:
    """Return a value in the type of its column; whole numbers may be given as floats."""
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
_DESCRIPTOR = preference_pb2.PreferenceRecord.DESCRIPTOR
_OF_32_BITS = frozenset(each.name for each in _DESCRIPTOR.fields if each.type == FieldDescriptor.TYPE_INT32)
_OPTIONAL = frozenset(
    each.name for each in _DESCRIPTOR.fields if each.has_presence and each.message_type is None
)


def _record(row: Row) -> preference_pb2.PreferenceRecord:
    fields = [each for each in RECORD_FIELDS if row["is_gold"] or not each.is_gold]
    return preference_pb2.PreferenceRecord(**{each.message: _imported(each, row) for each in fields})


def _change(row: Row) -> preference_pb2.WeightChange:
    return preference_pb2.WeightChange(**{each.message: _imported(each, row) for each in CHANGE_FIELDS})


def _imported(each: LogField, row: Row) -> Any:
    """Return a row's value as it is in a message's field."""
    if each.type is StoredSegment:
        return trajectory_pb2.StoredSegment(**{name: row[f"{each.export}_{name}"] for name in _SEGMENT})
    if each.type is Preference:
        return preference_to_message(_one_of(Preference, each.export, row))
    if each.type is Role:
        return role_to_message(_one_of(Role, each.export, row))
    return timestamp_from_milliseconds(row[each.export]) if each.message != each.export else row[each.export]


def _one_of(choices: type[_Choice], name: str, row: Mapping[str, Any]) -> _Choice:
    try:
        return choices(row[name])
    except ValueError as error:
        raise InvalidInputError(name, row[name], f"one of {', '.join(choices)}") from error
