"""Connect's unary format: messages, deadlines and errors as HTTP.

The protocol: https://connectrpc.com/docs/protocol
"""

from __future__ import annotations

import re
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.web.json_scan import scan_json
from somersault.errors import InvalidInputError, SomersaultError
from somersault.formats.strict_json import dump_json, load_json
from somersault.rpc.requests import parse_request
from somersault.wire.access import request_bounds

__all__ = [
    "CONTENT_TYPES",
    "JSON",
    "STREAM_PREFIX",
    "VERSION_HEADER",
    "code_of",
    "decode",
    "encode",
    "encode_error",
    "encode_stream_error",
    "http_status_of",
    "parse_timeout_s",
]

VERSION_HEADER = "connect-protocol-version"

JSON = "application/json"
CONTENT_TYPES = (JSON, "application/proto")

STREAM_PREFIX = "application/connect+"
"""The start of the content types of streams."""

_END_OF_STREAM = b"\x02"
_UNKNOWN_FIELD = re.compile(r'type "([\w.]+)" has no field named "(.*?)" at')

# The table "Error codes" of the protocol's page.
_STATUSES: dict[grpc.StatusCode, tuple[str, int]] = {
    grpc.StatusCode.CANCELLED: ("canceled", 499),
    grpc.StatusCode.UNKNOWN: ("unknown", 500),
    grpc.StatusCode.INVALID_ARGUMENT: ("invalid_argument", 400),
    grpc.StatusCode.DEADLINE_EXCEEDED: ("deadline_exceeded", 504),
    grpc.StatusCode.NOT_FOUND: ("not_found", 404),
    grpc.StatusCode.ALREADY_EXISTS: ("already_exists", 409),
    grpc.StatusCode.PERMISSION_DENIED: ("permission_denied", 403),
    grpc.StatusCode.RESOURCE_EXHAUSTED: ("resource_exhausted", 429),
    grpc.StatusCode.FAILED_PRECONDITION: ("failed_precondition", 400),
    grpc.StatusCode.ABORTED: ("aborted", 409),
    grpc.StatusCode.OUT_OF_RANGE: ("out_of_range", 400),
    grpc.StatusCode.UNIMPLEMENTED: ("unimplemented", 501),
    grpc.StatusCode.INTERNAL: ("internal", 500),
    grpc.StatusCode.UNAVAILABLE: ("unavailable", 503),
    grpc.StatusCode.DATA_LOSS: ("data_loss", 500),
    grpc.StatusCode.UNAUTHENTICATED: ("unauthenticated", 401),
}


def code_of(status: grpc.StatusCode) -> str:
    """Return Connect's name of a status."""
    return "ok" if status is grpc.StatusCode.OK else _STATUSES[status][0]


def http_status_of(status: grpc.StatusCode) -> int:
    """Return the HTTP status that an error is sent with."""
    return _STATUSES[status][1]


def encode_error(error: SomersaultError) -> bytes:
    """Return the JSON body of an error; errors are JSON whatever the request was."""
    return dump_json({"code": code_of(error.status), "message": str(error)}).encode()


def encode_stream_error(error: SomersaultError) -> bytes:
    """Return the body of a stream that consists of an error alone; streams carry errors with HTTP status 200."""
    end = b'{"error":' + encode_error(error) + b"}"
    return _END_OF_STREAM + len(end).to_bytes(4) + end


def decode(
    body: bytes, *, content_type: str, method: MethodDescriptor, is_generated: bool = False
) -> Message:
    """Return the message that a request's body holds.

    Args:
        body: The body as received.
        content_type: One of `CONTENT_TYPES`.
        method: The rpc whose request it must be; its bounds hold.
        is_generated: Whether a client generated from the protos sent it. Such a client may be newer than this gateway,
            so unknown fields are ignored, in JSON as in the binary format. In a body written by hand they are mistakes:
            with a misspelt ``runId``, a lease would come from any run.

    Raises:
        InvalidInputError: The body is not such a message, or was written by hand and has an unknown field.
        ResourceExhaustedError: It is larger than the rpc's requests may be, has more parts or is deeper.
    """
    message_type, bounds = GetMessageClass(method.input_type), request_bounds(method)
    if content_type != JSON:
        return parse_request(body, method, bounds, message_type.FromString)  # type: ignore[no-any-return]
    scan_json(body, name=f"the request of {method.name}", max_parts=bounds.max_parts)
    message = message_type()
    try:
        json_format.ParseDict(_object_in(body), message, ignore_unknown_fields=is_generated)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise _no_message(message.DESCRIPTOR, error) from error
    return message


def _no_message(descriptor: Any, error: Exception) -> InvalidInputError:
    unknown = _UNKNOWN_FIELD.search(str(error))
    if unknown:
        known = ", ".join(field.json_name for field in descriptor.fields) or "no field"
        told = f"{unknown[2][:60]!r} is not a field of {unknown[1].rpartition('.')[2]}; {descriptor.name} has {known}"
        return InvalidInputError(told)
    return InvalidInputError(f"the body is not a {descriptor.name} in {JSON}: {str(error)[:200]}")


def _object_in(body: bytes) -> dict[str, object]:
    value = load_json(body or b"{}")
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - of input, not of our own types
    return value


def encode(message: Message, *, content_type: str) -> bytes:
    """Return the body of a response."""
    if content_type == JSON:
        return json_format.MessageToJson(message, indent=None).encode()
    return message.SerializeToString()


def parse_timeout_s(header: str | None, *, longest_s: float) -> float:
    """Return a call's deadline in seconds from ``connect-timeout-ms``, at most ``longest_s``.

    Raises:
        InvalidInputError: It is not a positive whole number of at most 10 digits.
    """
    if header is None:
        return longest_s
    if not (header.isascii() and header.isdigit() and len(header) <= 10 and int(header) > 0):
        raise InvalidInputError("connect-timeout-ms", header, "1 to 9999999999 milliseconds")
    return min(longest_s, int(header) / 1000)
