"""Rows of the preference log to messages and back, field by field as `somersault.domain.preference_log` lists them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from somersault.domain.feedback import Preference
from somersault.domain.preference_log import (
    CHANGE_FIELDS,
    RECORD_FIELDS,
    LogField,
    PreferenceRecord,
    WeightChange,
)
from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment
from somersault.v1 import preference_pb2
from somersault.wire.preference import (
    preference_from_message,
    preference_to_message,
    role_from_message,
    role_to_message,
)
from somersault.wire.times import milliseconds_from_timestamp, timestamp_from_milliseconds
from somersault.wire.trajectory import stored_segment_from_message, stored_segment_to_message

__all__ = [
    "record_from_message",
    "record_to_message",
    "weight_change_from_message",
    "weight_change_to_message",
]

_Convert = Callable[[Any], Any]

_BY_TYPE: dict[type, tuple[_Convert, _Convert]] = {
    Preference: (preference_to_message, preference_from_message),
    Role: (role_to_message, role_from_message),
}


def record_to_message(record: PreferenceRecord) -> preference_pb2.PreferenceRecord:
    """Return the message of an answer or its revision."""
    return preference_pb2.PreferenceRecord(**(_GOLD if record.is_gold else _RECORD).to_message(record))


def record_from_message(message: preference_pb2.PreferenceRecord) -> PreferenceRecord:
    """Return the row of a message.

    Raises:
        InvalidInputError: a segment, an answer or a role is missing, or a segment's key isn't the one its name makes.
    """
    return PreferenceRecord(**(_GOLD if message.is_gold else _RECORD).from_message(message))


def weight_change_to_message(change: WeightChange) -> preference_pb2.WeightChange:
    """Return the message of a change of a labeler's weight."""
    return preference_pb2.WeightChange(**_CHANGE.to_message(change))


def weight_change_from_message(message: preference_pb2.WeightChange) -> WeightChange:
    """Return the row of a message."""
    return WeightChange(**_CHANGE.from_message(message))


class _Converter:
    """Converts some fields: most at once as they are, the others one by one."""

    def __init__(self, fields: Sequence[LogField], descriptor: Descriptor) -> None:
        plain: list[LogField] = []
        special: list[LogField] = []
        for each in fields:
            found = descriptor.fields_by_name[each.message]
            is_plain = each.name == each.message and each.type not in _BY_TYPE and not found.has_presence
            (plain if is_plain else special).append(each)
        self._plain = [each.name for each in plain]
        self._read_plain = operator.attrgetter(*self._plain)
        found_of = {each.name: descriptor.fields_by_name[each.message] for each in special}
        self._to = [(each.name, each.message, _to(each, found_of[each.name])) for each in special]
        self._from = [(each.name, _from(each, found_of[each.name])) for each in special]

    def to_message(self, row: PreferenceRecord | WeightChange) -> dict[str, Any]:
        """Return the message's fields; None where one stays unset."""
        values = dict(zip(self._plain, self._read_plain(row), strict=True))
        for name, message, convert in self._to:
            values[message] = convert(getattr(row, name))
        return values

    def from_message(self, message: Any) -> dict[str, Any]:
        """Return the row's fields."""
        values = dict(zip(self._plain, self._read_plain(message), strict=True))
        for name, read in self._from:
            values[name] = read(message)
        return values


def _to(each: LogField, found: FieldDescriptor) -> _Convert:
    if each.type is StoredSegment:
        return stored_segment_to_message
    if found.message_type is timestamp_pb2.Timestamp.DESCRIPTOR:
        return timestamp_from_milliseconds
    if each.type in _BY_TYPE:
        convert, _ = _BY_TYPE[each.type]
        return (
            convert if each.default is not None else lambda value: None if value is None else convert(value)
        )
    return lambda value: None if value == each.default else value


def _from(each: LogField, found: FieldDescriptor) -> _Convert:
    name = each.message
    if each.type is StoredSegment:
        return lambda message: stored_segment_from_message(getattr(message, name), run_id=message.run_id)
    if found.message_type is timestamp_pb2.Timestamp.DESCRIPTOR:
        return lambda message: milliseconds_from_timestamp(getattr(message, name))
    if each.type in _BY_TYPE:
        _, convert = _BY_TYPE[each.type]
        return lambda message: convert(getattr(message, name))
    return lambda message: getattr(message, name) if message.HasField(name) else each.default


_RECORD = _Converter(
    [each for each in RECORD_FIELDS if not each.is_gold], preference_pb2.PreferenceRecord.DESCRIPTOR
)
_GOLD = _Converter(RECORD_FIELDS, preference_pb2.PreferenceRecord.DESCRIPTOR)
_CHANGE = _Converter(CHANGE_FIELDS, preference_pb2.WeightChange.DESCRIPTOR)
