"""Looks over a message's bytes before protobuf makes objects of them: well-formed, of so many parts at most, so deep at most.

A megabyte of two-byte submessages is half a million objects, a hundred times its size. Here it costs a look at as many bytes
as it may have parts: what is a string, bytes or packed numbers is stepped over by its length, and only submessages that the
message's type declares are entered.

The encoding: https://protobuf.dev/programming-guides/encoding. Groups, which no message of ours has, are refused.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

from google.protobuf.descriptor import Descriptor

from somersault.errors import InvalidInputError, ResourceExhaustedError

__all__ = ["MAX_DEPTH", "scan"]

MAX_DEPTH = 8
"""Messages within messages. The deepest request of ours has four; protobuf's own bound is 100."""

_VARINT, _LENGTH = 0, 2
_FIXED = {1: 8, 5: 4}
"""Lengths in bytes by wire type."""

_MORE = 0x80  # from here on a byte says that another one follows
_MAX_VARINT_BYTES = 10
_MIN_TAG, _MAX_TAG = 1 << 3, (2**29 - 1) << 3 | 7


def scan(data: bytes, descriptor: Descriptor, *, name: str, max_parts: int) -> None:
    """Check the bytes of a message.

    A part is a field that is present, with each entry of a list counted and each field within it; unknown fields count too.

    Args:
        data: The message.
        descriptor: Its type.
        name: What errors call it.
        max_parts: How many parts it may have, at every depth together.

    Raises:
        InvalidInputError: The bytes are no message.
        ResourceExhaustedError: It has too many parts, or is too deep.
    """
    _Scan(data, name=name, max_parts=max_parts).walk(0, len(data), descriptor, depth=1)


class _Scan:
    """One look over one message."""

    def __init__(self, data: bytes, *, name: str, max_parts: int) -> None:
        self._data = data
        self._name = name
        self._max_parts = max_parts
        self._left = max_parts

    def walk(self, at: int, end: int, descriptor: Descriptor, *, depth: int) -> None:
        """Check the message between two places; what follows the second one is another's."""
        if depth > MAX_DEPTH:
            raise ResourceExhaustedError(
                f"{self._name} is nested {depth} deep, must be at most {MAX_DEPTH}"
            ).never()
        data, inner = self._data, _inner(descriptor)
        while at < end:
            if self._left == 0:
                raise self._too_many(at, end, descriptor)
            self._left -= 1
            tag, at = (data[at], at + 1) if data[at] < _MORE else self._varint(at, end)
            start, at = self._value(tag, at, end)
            submessage = inner.get(tag)
            if submessage is not None:
                self.walk(start, at, submessage, depth=depth + 1)

    def _value(self, tag: int, at: int, end: int) -> tuple[int, int]:
        """Return where the value of a field begins and ends."""
        kind = tag & 7
        if kind == _LENGTH:
            length, at = self._varint(at, end)
        elif kind == _VARINT:
            length = self._varint(at, end)[1] - at
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            raise self._malformed(at, f"wire type {kind} is not one of the protocol's")
        if length > end - at:
            raise self._malformed(at, "a value is longer than what is left")
        if not _MIN_TAG <= tag <= _MAX_TAG:
            raise self._malformed(at, "a field's number is out of bounds")
        return at, at + length

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        if at < end and (value := self._data[at]) < _MORE:
            return value, at + 1
        value = shift = 0
        for place in range(at, min(end, at + _MAX_VARINT_BYTES)):
            byte = self._data[place]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, place + 1
            shift += 7
        raise self._malformed(at, "a number has no end")

    def _too_many(self, at: int, end: int, descriptor: Descriptor) -> ResourceExhaustedError:
        field = descriptor.fields_by_number.get(self._varint(at, end)[0] >> 3)
        where = field.name if field else "one that is unknown"
        return ResourceExhaustedError(
            f"{self._name} has more than {self._max_parts} parts by its field {where}, must have at most"
            f" {self._max_parts}: send fewer entries at once"
        ).never()

    def _malformed(self, at: int, reason: str) -> InvalidInputError:
        return InvalidInputError(
            f"{self._name} is not a well-formed message: at byte {at}, {reason}; send what the protocol's"
            " generated code writes"
        )


@functools.cache
def _inner(descriptor: Descriptor) -> Mapping[int, Descriptor]:
    """Return the types of a message's submessages by the tag that each begins with."""
    submessages = ((field.number, field.message_type) for field in descriptor.fields)
    return {number << 3 | _LENGTH: inner for number, inner in submessages if inner is not None}
