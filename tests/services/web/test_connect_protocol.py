"""The unary format of Connect, apart from HTTP."""

from __future__ import annotations

import json

import grpc
import pytest

from services.web import connect_protocol
from services.web.connect_protocol import JSON
from somersault.errors import InvalidInputError, LeaseExpiredError, ResourceExhaustedError, UnavailableError
from somersault.v1 import labeler_pb2

METHODS = labeler_pb2.DESCRIPTOR.services_by_name["LabelerService"].methods_by_name
LEASE = METHODS["LeaseQueries"]


@pytest.mark.parametrize(
    ("status", "code", "http_status"),
    [
        (grpc.StatusCode.CANCELLED, "canceled", 499),
        (grpc.StatusCode.INVALID_ARGUMENT, "invalid_argument", 400),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "deadline_exceeded", 504),
        (grpc.StatusCode.FAILED_PRECONDITION, "failed_precondition", 400),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "resource_exhausted", 429),
        (grpc.StatusCode.UNIMPLEMENTED, "unimplemented", 501),
        (grpc.StatusCode.UNAUTHENTICATED, "unauthenticated", 401),
    ],
)
def test_status_has_the_code_of_the_protocols_table(status, code, http_status):
    """A client reads the same code that a gRPC client would."""
    assert connect_protocol.code_of(status) == code
    assert connect_protocol.http_status_of(status) == http_status


def test_every_status_has_a_code():
    """Every error has a way to be sent."""
    assert all(connect_protocol.code_of(status) for status in grpc.StatusCode)


@pytest.mark.parametrize("error", [LeaseExpiredError("it ended"), UnavailableError("gone")])
def test_error_is_json_with_code_and_message(error):
    """An error's body names its code and says its sentence."""
    body = json.loads(connect_protocol.encode_error(error))

    assert body == {"code": connect_protocol.code_of(error.status), "message": str(error)}


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"[1]", b"null", b"\xff", b'{"count": 1e99}', b'{"count": "x"}']
)
def test_malformed_json_is_refused(body):
    """Whatever a body holds, the answer is an error that names the message's type."""
    with pytest.raises(InvalidInputError, match="LeaseQueriesRequest"):
        connect_protocol.decode(body, content_type=JSON, method=LEASE)


def test_unknown_json_field_of_a_generated_client_is_ignored():
    """A newer client can talk to an older gateway."""
    message = connect_protocol.decode(
        b'{"count": 2, "isNew": true}',
        content_type=JSON,
        method=LEASE,
        is_generated=True,
    )

    assert message == labeler_pb2.LeaseQueriesRequest(count=2)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"runID": "a", "count": 2}', "'runID' is not a field of LeaseQueriesRequest"),
        (b'{"count": 2, "cuont": 3}', "LeaseQueriesRequest has runId, count"),
    ],
)
def test_unknown_json_field_written_by_hand_is_refused(body, told):
    """A misspelt name would otherwise count as one left out: the message names it and the known fields."""
    with pytest.raises(InvalidInputError, match=told):
        connect_protocol.decode(body, content_type=JSON, method=LEASE)


def test_unknown_value_written_by_hand_is_refused():
    """So is a name that no value of an enum has; it would be taken for none."""
    with pytest.raises(InvalidInputError, match="PREFERENCE_LFET"):
        connect_protocol.decode(
            b'{"preference": "PREFERENCE_LFET"}',
            content_type=JSON,
            method=METHODS["SubmitPreference"],
        )


def test_deadline_is_bounded():
    """A caller gets the deadline it asks for, or the longest one."""
    assert connect_protocol.parse_timeout_s("1500", longest_s=40) == 1.5
    assert connect_protocol.parse_timeout_s("9999999999", longest_s=40) == 40
    assert connect_protocol.parse_timeout_s(None, longest_s=40) == 40


@pytest.mark.parametrize("header", ["", "-1", "1.5", "0", "12345678901", "²"])
def test_malformed_deadline_is_refused(header):
    """Only the protocol's form is a deadline: a positive whole number of at most 10 digits."""
    with pytest.raises(InvalidInputError, match="connect-timeout-ms"):
        connect_protocol.parse_timeout_s(header, longest_s=40)


def test_a_stream_that_is_refused_is_its_end():
    """A flag of 2, four bytes of length, and the error as JSON, as the protocol has it."""
    body = connect_protocol.encode_stream_error(UnavailableError("gone"))
    assert body[:5] == b"\x02" + len(body[5:]).to_bytes(4, "big")
    assert json.loads(body[5:]) == {"error": {"code": "unavailable", "message": "gone"}}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"[" * 60_000, "nested 17 deep, must be at most 16"),
        (b'{"a":' * 60_000, "nested 17 deep, must be at most 16"),
        (b"[" + b"{}," * 5000, "more than 4096 parts, must have at most 4096"),
        (b"[" + b"1," * 5000, "more than 4096 parts, must have at most 4096"),
    ],
)
def test_json_is_bounded_before_it_is_parsed(body, told):
    """Depth and number of parts, as in the binary format."""
    with pytest.raises(ResourceExhaustedError, match=told):
        connect_protocol.decode(body, content_type=JSON, method=LEASE)


def test_a_text_may_hold_what_would_be_too_many_parts():
    """Guidelines have commas, brackets and quotes, and many lines of them."""
    text = '[{,"\\' * 4000
    body = json.dumps({"runId": "r", "text": text}).encode()
    message = connect_protocol.decode(body, content_type=JSON, method=METHODS["SetGuidelines"])
    assert message == labeler_pb2.SetGuidelinesRequest(run_id="r", text=text)


def test_the_binary_format_is_bounded_as_over_grpc():
    """By the rpc's own option."""
    with pytest.raises(ResourceExhaustedError, match="must have at most 4096"):
        connect_protocol.decode(b"\x7a\x00" * 5000, content_type="application/proto", method=LEASE)
    with pytest.raises(InvalidInputError, match="not a well-formed message"):
        connect_protocol.decode(b"\x0a\x05", content_type="application/proto", method=LEASE)
