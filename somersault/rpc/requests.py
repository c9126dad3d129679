"""How a request becomes a message: bounded before protobuf sees it, and refused in our words if it is none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError

from somersault.errors import InvalidInputError, ResourceExhaustedError
from somersault.rpc.handlers import Handler, behavior_of, refusal, replaced
from somersault.rpc.wire_scan import scan
from somersault.wire.access import RequestBounds, request_bounds

__all__ = ["RequestInterceptor", "parse_request"]

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]


class RequestInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Has every request of a server read within the bounds of its rpc, those in a stream too.

    It goes last: what interceptors before it refuse is never parsed.
    """

    def __init__(self) -> None:
        """Begin without any handler."""
        self._reading: dict[str, tuple[Handler, Handler]] = {}
        """By method: its handler, and the one that reads for it."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Replace the handler by one that takes bytes and reads them."""
        handler, method = await continuation(handler_call_details), handler_call_details.method
        if handler is None or handler.request_deserializer is None:
            return handler
        known = self._reading.get(method)
        if known is None or known[0] is not handler:
            try:
                known = self._reading[method] = handler, _reading(handler, method)
            except KeyError as error:
                return refusal(error)
        return known[1]


def parse_request(data: bytes, method: MethodDescriptor, bounds: RequestBounds, parse: Any) -> Any:
    """Return the message that bytes hold.

    Args:
        data: The request as it came.
        method: The rpc it is for.
        bounds: The rpc's.
        parse: Makes the message, as its class's ``FromString``.

    Raises:
        InvalidInputError: They are no message of the rpc's.
        ResourceExhaustedError: It is larger than the rpc's requests may be, has more parts or is deeper.
    """
    name = f"the request of {method.name}"
    if len(data) > bounds.max_bytes:
        raise ResourceExhaustedError(
            f"{name} is {len(data)} bytes, must be at most {bounds.max_bytes}"
        ).never()
    scan(data, method.input_type, name=name, max_parts=bounds.max_parts)
    try:
        return parse(data)
    except DecodeError:
        raise InvalidInputError(
            f"{name} is not a well-formed message: a text in it is not UTF-8; send what the protocol's"
            " generated code writes"
        ) from None


def _reading(handler: Handler, name: str) -> Handler:
    """Return a handler around another that is given bytes and passes messages on."""
    method = descriptor_pool.Default().FindMethodByName(name.strip("/").replace("/", "."))
    bounds, parse = request_bounds(method), handler.request_deserializer

    def read(data: bytes) -> Any:
        return parse_request(data, method, bounds, parse)

    async def read_each(requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for data in requests:
            yield read(data)

    convert: Any = read_each if handler.request_streaming else read

    def answer(request: Any, context: Any) -> Any:
        return behavior_of(handler)(convert(request), context)

    return replaced(handler, answer, request_deserializer=None)
