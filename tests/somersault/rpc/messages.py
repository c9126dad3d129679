"""Messages of any type, drawn from its descriptor: values that are likely, extreme, and absurd."""

from __future__ import annotations

from typing import Any

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from hypothesis import strategies as st

__all__ = ["messages"]

_MAX_ENTRIES = 3

_NAMES = ["", "a", "run-1", "..", "../x", "a/b.mp4", "x" * 65, "x" * 3000, "\x00", "é\u202e", "<script>"]


def messages(descriptor: Descriptor, values: dict[str, Any] | None = None) -> st.SearchStrategy[Message]:
    """Return a strategy for messages of a type.

    Args:
        descriptor: The type.
        values: By a field's name: strategies for what it holds more often than not.
    """
    known = values or {}
    made = st.fixed_dictionaries(
        {}, optional={field.name: _of_field(field, known) for field in descriptor.fields}
    )
    return made.map(lambda fields: _build(descriptor, fields))


def _build(descriptor: Descriptor, fields: dict[str, Any]) -> Message:
    message: Message = message_factory.GetMessageClass(descriptor)(**fields)
    return message


def _of_field(field: FieldDescriptor, values: dict[str, Any]) -> st.SearchStrategy[Any]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = (_of_one(field.message_type.fields_by_name[name], values) for name in ("key", "value"))
        return st.dictionaries(key, value, max_size=_MAX_ENTRIES)
    one = _of_one(field, values)
    if field.name in values:
        one = st.one_of(values[field.name], values[field.name], one)
    return st.lists(one, max_size=_MAX_ENTRIES) if field.is_repeated else one


def _of_one(field: FieldDescriptor, values: dict[str, Any]) -> st.SearchStrategy[Any]:
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
