"""What a server makes of bytes that are no request, or too much of one: at every rpc of every service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest_asyncio
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from grpc_health.v1 import health_pb2

from somersault.errors import Retry
from somersault.rpc import bind, create_server
from somersault.rpc.interceptors import RETRY_KEY
from somersault.rpc.server import serve_health
from somersault.v1 import labeler_pb2, learner_pb2, reward_pb2, simulator_pb2
from somersault.wire.access import request_bounds

SERVICES = [
    service
    for file in (labeler_pb2, learner_pb2, reward_pb2, simulator_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
]
METHODS = {f"{service.name}.{method.name}": method for service in SERVICES for method in service.methods}
HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].methods_by_name["Check"]

UNKNOWN_PART = b"\xfa\x3f\x00"  # field 1,023, which no request has, empty
NO_UTF8 = b"\x0a\x01\xff"


class Served:
    """A server whose every rpc answers with nothing, and counts the requests that reach it."""

    def __init__(self, address: str) -> None:
        """Take where it listens."""
        self.address = address
        self.num_requests = 0

    async def call(
        self, method: MethodDescriptor, *requests: bytes, **options: Any
    ) -> grpc.aio.AioRpcError | None:
        """Call an rpc with these bytes and return how it was refused, if it was."""
        limits = [("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(self.address, options=limits) as channel:
            name = f"/{method.containing_service.full_name}/{method.name}"
            call: Any
            if len(requests) == 1:
                call = channel.unary_stream(name)(requests[0], timeout=30, **options)
            else:
                call = channel.stream_stream(name)(iter(requests), timeout=30, **options)
            try:
                async for _ in call:
                    pass
            except grpc.aio.AioRpcError as error:
                return error
        return None


@pytest_asyncio.fixture
async def served() -> AsyncIterator[Served]:
    """Serve all services at one port."""
    server = create_server()
    port = bind(server, host="127.0.0.1", port=0)
    counting = Served(f"127.0.0.1:{port}")
    for service in SERVICES:
        handlers = {method.name: _handler(method, counting) for method in service.methods}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
    serve_health(server, [], has_reflection=True)
    await server.start()
    yield counting
    await server.stop(None)


def _handler(method: MethodDescriptor, served: Served) -> Any:
    """Return a handler of the rpc's kind, with the classes that the generated code would use."""
    request, response = map(message_factory.GetMessageClass, (method.input_type, method.output_type))

    async def once(requests: Any, _context: Any) -> Any:
        async for _ in _each(requests):
            served.num_requests += 1
        return response()

    async def streaming(requests: Any, _context: Any) -> AsyncIterator[Any]:
        async for _ in _each(requests):
            served.num_requests += 1
            yield response()

    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(
        streaming if method.server_streaming else once,
        request_deserializer=request.FromString,
        response_serializer=response.SerializeToString,
    )


async def _each(requests: Any) -> AsyncIterator[Any]:
    if not hasattr(requests, "__aiter__"):
        yield requests
        return
    async for request in requests:
        yield request


def _assert_refused(
    error: grpc.aio.AioRpcError | None, status: grpc.StatusCode, name: str, text: str
) -> None:
    assert error is not None
    assert (error.code(), text in str(error.details())) == (status, True), (name, error.details())
    for word in ("<class", "pb2", "google.protobuf", "DecodeError", "Traceback"):
        assert word not in str(error.details()), name
    trailing: Any = error.trailing_metadata()
    assert (RETRY_KEY, Retry.NEVER.value) in [tuple(pair) for pair in trailing], name


async def test_what_is_no_message_is_an_invalid_argument(served: Served) -> None:
    """In plain words, and the next call is fine."""
    for name, method in METHODS.items():
        error = await served.call(method, b"\x0a\x05abc")
        _assert_refused(
            error, grpc.StatusCode.INVALID_ARGUMENT, name, f"the request of {method.name} is not a"
        )
        assert await served.call(method, b"") is None, name
    assert served.num_requests == len(METHODS)


async def test_a_text_that_is_not_utf8_is_an_invalid_argument(served: Served) -> None:
    """It is protobuf that finds this."""
    method = METHODS["LabelerService.GetStats"]
    _assert_refused(
        await served.call(method, NO_UTF8), grpc.StatusCode.INVALID_ARGUMENT, "GetStats", "not UTF-8"
    )


async def test_too_many_parts_are_refused_before_they_are_made(served: Served) -> None:
    """As many as the option says are taken."""
    for name, method in METHODS.items():
        bound = request_bounds(method).max_parts
        assert await served.call(method, UNKNOWN_PART * bound) is None, name
        error = await served.call(method, UNKNOWN_PART * (bound + 1))
        text = f"must have at most {bound}"
        _assert_refused(error, grpc.StatusCode.RESOURCE_EXHAUSTED, name, text)
    assert served.num_requests == len(METHODS)


async def test_too_many_bytes_are_refused(served: Served) -> None:
    """Where the option says fewer than what the server takes at all."""
    for name, method in METHODS.items():
        bound = request_bounds(method).max_bytes
        if bound <= 1 << 20:
            assert await served.call(method, _padded(bound)) is None, name
            error = await served.call(method, _padded(bound + 1))
            text = f"is {bound + 1} bytes, must be at most {bound}"
            _assert_refused(error, grpc.StatusCode.RESOURCE_EXHAUSTED, name, text)


def _padded(size: int) -> bytes:
    """Return one unknown field that is as long in all."""
    length = size - 5
    return (
        b"\xfa\x3f"
        + bytes([length & 0x7F | 0x80, length >> 7 & 0x7F | 0x80, length >> 14])
        + b"\x00" * length
    )


async def test_a_stream_ends_with_the_message_that_is_none(served: Served) -> None:
    """What came before it has been taken."""
    for name, method in METHODS.items():
        if method.client_streaming:
            before = served.num_requests
            error = await served.call(method, b"", b"", b"\x0a\x05abc", b"")
            _assert_refused(error, grpc.StatusCode.INVALID_ARGUMENT, name, "not a well-formed message")
            assert served.num_requests == before + 2


async def test_nothing_compressed_is_taken(served: Served) -> None:
    """A thousandth of what it becomes would have been counted."""
    for name, method in METHODS.items():
        for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            error = await served.call(method, UNKNOWN_PART * 1000, compression=compression)
            assert error is not None
            assert error.code() is grpc.StatusCode.UNIMPLEMENTED, name
    assert served.num_requests == 0


async def test_health_and_reflection_are_bounded_too(served: Served) -> None:
    """They ask for no token."""
    error = await served.call(HEALTH, b"\x0a\x05abc")
    _assert_refused(error, grpc.StatusCode.INVALID_ARGUMENT, "Check", "not a well-formed message")
    error = await served.call(HEALTH, UNKNOWN_PART * 5000)
    _assert_refused(error, grpc.StatusCode.RESOURCE_EXHAUSTED, "Check", "must have at most 4096")
    assert await served.call(HEALTH, b"") is None


async def test_health_can_be_watched(served: Served) -> None:
    """Its handler writes to the context instead of yielding, which gRPC allows."""
    async with grpc.aio.insecure_channel(served.address) as channel:
        watch: Any = channel.unary_stream(
            "/grpc.health.v1.Health/Watch", response_deserializer=health_pb2.HealthCheckResponse.FromString
        )(b"", timeout=10)
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
