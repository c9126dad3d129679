"""Messages of any type, drawn from its descriptor: values that are likely, extreme, and absurd."""

from __future__ import annotations

import functools
from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

__all__ = ["Values", "chosen", "messages", "mutated"]

_MAX_ENTRIES = 3

_NAMES = ["", "a", "run-1", "..", "../x", "a/b.mp4", "x" * 65, "x" * 3000, "\x00", "é\u202e", "<script>"]


class Values(dict[str, Any]):
    """By a field's name, or ``Message.field``: strategies for what it holds more often than not."""

    def __repr__(self) -> str:
        """Return a word: hypothesis repeats what it is given, and arrays are long."""
        return "values"

    def __hash__(self) -> int:  # type: ignore[override]
        """Return what tells it from others."""
        return id(self)

    def of(self, field: FieldDescriptor) -> Any:
        """Return the strategy for a field; None if nothing is known about it."""
        return self.get(f"{field.containing_type.name}.{field.name}", self.get(field.name))


NOTHING_KNOWN = Values()


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, values: Values = NOTHING_KNOWN) -> Message:
    """Draw a message of a type, with values that are known for some fields."""
    some, most = _fields(descriptor, values)
    fields = draw(some if draw(st.integers(0, 2)) == 0 else most)
    message: Message = message_factory.GetMessageClass(descriptor)(**fields)
    return message


def chosen(options: list[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy for one of these, which aren't repeated in what hypothesis prints."""
    return st.integers(0, len(options) - 1).map(lambda number: options[number])


@functools.cache
def _fields(descriptor: Descriptor, values: Values) -> tuple[Any, Any]:
    """Return strategies for some of a type's fields, and for all that are known and all submessages."""
    fields = {field.name: _of_field(field, values) for field in descriptor.fields}
    wanted = {
        field.name
        for field in descriptor.fields
        if values.of(field) is not None or (field.message_type is not None and field.containing_oneof is None)
    }
    kept = {name: strategy for name, strategy in fields.items() if name in wanted}
    rest = {name: strategy for name, strategy in fields.items() if name not in wanted}
    return st.fixed_dictionaries({}, optional=fields), st.fixed_dictionaries(kept, optional=rest)


def mutated(raw: bytes) -> st.SearchStrategy[bytes]:
    """Return a strategy for bytes that were a message before something happened to them."""
    places = st.integers(0, max(0, len(raw) - 1))
    return st.one_of(
        st.builds(lambda at, byte: raw[:at] + bytes([byte]) + raw[at + 1 :], places, st.integers(0, 255)),
        st.builds(lambda at: raw[:at], places),
        st.builds(lambda at, more: raw[:at] + more + raw[at:], places, st.binary(min_size=1, max_size=8)),
        st.builds(lambda at, to: raw[: min(at, to)] + raw[max(at, to) :], places, places),
        st.builds(lambda: raw + raw),
        st.builds(lambda: raw + b"\xfa\x3f\x00" * 5000),
        st.binary(max_size=60),
    )


def _of_field(field: FieldDescriptor, values: Values) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = (_of_one(field.message_type.fields_by_name[name], values) for name in ("key", "value"))
        return st.dictionaries(key, value, max_size=_MAX_ENTRIES)
    one = _of_one(field, values)
    known = values.of(field)
    if known is not None:
        one = st.one_of(known, known, known, one)
    return st.lists(one, max_size=_MAX_ENTRIES) if field.is_repeated else one


def _of_one(field: FieldDescriptor, values: Values) -> st.SearchStrategy[Any]:
    if field.message_type is not None:
        return messages(field.message_type, values)
    if field.enum_type is not None:
        return st.sampled_from([*(value.number for value in field.enum_type.values), -1, 99])
    if field.type == field.TYPE_BYTES:
        return st.binary(max_size=64)
    return _SCALARS[field.cpp_type]


def _integers(low: int, high: int) -> st.SearchStrategy[int]:
    return st.one_of(
        st.integers(max(low, -2), 70), st.sampled_from([low, high, high // 2 + 1]), st.integers(low, high)
    )


_SCALARS: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.CPPTYPE_INT32: _integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: _integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: _integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: _integers(0, 2**64 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.one_of(st.floats(0, 60), st.floats()),
    FieldDescriptor.CPPTYPE_FLOAT: st.floats(width=32),
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_STRING: st.one_of(
        st.sampled_from(_NAMES), st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    ),
}
