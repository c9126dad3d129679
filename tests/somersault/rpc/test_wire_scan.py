"""A look over a message's bytes agrees with protobuf about what a message is, and counts what it would make of it."""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest
from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message
from hypothesis import strategies as st

from somersault.errors import InvalidInputError, ResourceExhaustedError
from somersault.rpc.wire_scan import MAX_DEPTH, scan
from somersault.v1 import labeler_pb2, learner_pb2, reward_pb2, simulator_pb2
from tests.fuzzing.messages import messages

FILES = (labeler_pb2, learner_pb2, reward_pb2, simulator_pb2)
REQUESTS = [
    method.input_type
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]
GROUPS = (3, 4)
DEEPEST = 4


def look(data: bytes, descriptor: Descriptor, *, max_parts: int = 1_000_000) -> None:
    """Scan under a name."""
    scan(data, descriptor, name="the request of Test", max_parts=max_parts)


def num_parts(message: Message) -> int:
    """Count a message's parts by protobuf's own account of it."""
    total = 0
    for field, value in message.ListFields():
        values = list(value) if field.is_repeated else [value]
        if field.message_type is None:
            is_text = field.type in (field.TYPE_STRING, field.TYPE_BYTES)
            total += len(values) if is_text else 1  # numbers are packed
        else:
            total += sum(1 + num_parts(one) for one in values)
    return total


@hypothesis.given(data=st.data(), descriptor=st.sampled_from(REQUESTS))
@hypothesis.settings(max_examples=60, deadline=None)
def test_a_message_has_the_parts_that_protobuf_finds(data: Any, descriptor: Descriptor) -> None:
    """Exactly that many are allowed, and one fewer are not."""
    message = data.draw(messages(descriptor))
    raw, count = message.SerializeToString(), num_parts(message)
    look(raw, descriptor, max_parts=count)
    if count:
        with pytest.raises(ResourceExhaustedError, match=f"more than {count - 1} parts"):
            look(raw, descriptor, max_parts=count - 1)


@hypothesis.given(raw=st.binary(max_size=40), descriptor=st.sampled_from(REQUESTS))
@hypothesis.settings(max_examples=300, deadline=None)
def test_whatever_protobuf_takes_is_well_formed(raw: bytes, descriptor: Descriptor) -> None:
    """Bytes of any kind: nothing that was taken before is refused, but groups, which none of ours has."""
    try:
        message_factory.GetMessageClass(descriptor).FromString(raw)
    except DecodeError:
        return
    try:
        look(raw, descriptor)
    except InvalidInputError as error:
        assert any(f"wire type {kind}" in str(error) for kind in GROUPS)  # noqa: PT017


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x0a", "a number has no end"),
        (b"\x0a\x05abc", "a value is longer than what is left"),
        (b"\x08" + b"\xff" * 10, "a number has no end"),
        (b"\x0d\x00", "a value is longer than what is left"),
        (b"\x02\x00", "a field's number is out of bounds"),
        (b"\x0b\x0c", "wire type 3"),
        (b"\x0f", "wire type 7"),
        (b"\x12\x02\x0a\x05", "a value is longer than what is left"),
    ],
)
def test_what_is_no_message_is_told_by_its_place(raw: bytes, reason: str) -> None:
    """In words of the protocol's, without a class's name."""
    with pytest.raises(InvalidInputError, match=reason) as caught:
        look(raw, labeler_pb2.ProposeQueriesRequest.DESCRIPTOR)
    assert "pb2" not in str(caught.value)


def test_unknown_fields_count_and_are_stepped_over() -> None:
    """A newer caller may send some, and nobody may send a million."""
    descriptor = labeler_pb2.WhoAmIRequest.DESCRIPTOR
    look(b"\x7a\x03abc" * 10, descriptor, max_parts=10)
    with pytest.raises(ResourceExhaustedError, match="by its field one that is unknown"):
        look(b"\x7a\x03abc" * 11, descriptor, max_parts=10)


def test_a_look_ends_early() -> None:
    """However long the rest is, malformed or not."""
    with pytest.raises(ResourceExhaustedError, match="by its field proposals"):
        look(b"\x12\x00" * 11 + b"\xff", labeler_pb2.ProposeQueriesRequest.DESCRIPTOR, max_parts=10)


def test_depth_is_bounded() -> None:
    """Of messages that may hold themselves, which none of ours does."""
    nested = descriptor_pb2.DescriptorProto()
    for _ in range(MAX_DEPTH):
        nested = descriptor_pb2.DescriptorProto(nested_type=[nested])
    with pytest.raises(ResourceExhaustedError, match=f"must be at most {MAX_DEPTH}"):
        look(nested.SerializeToString(), descriptor_pb2.DescriptorProto.DESCRIPTOR)
    look(nested.nested_type[0].SerializeToString(), descriptor_pb2.DescriptorProto.DESCRIPTOR)


def test_no_request_of_ours_is_deep() -> None:
    """None holds itself, and the bound leaves room for messages to come."""

    def depth(descriptor: Descriptor, *outer: Descriptor) -> int:
        assert descriptor not in outer
        inner = [field.message_type for field in descriptor.fields if field.message_type is not None]
        return 1 + max((depth(one, descriptor, *outer) for one in inner), default=0)

    assert max(map(depth, REQUESTS)) == DEEPEST < MAX_DEPTH
