"""A proxy between a caller and a labeler: it forwards every call, and a hook may look, wait or fail in between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from somersault import rpc
from somersault.v1 import labeler_pb2

__all__ = ["Around", "Call", "LabelerProxy"]

_SERVICE = labeler_pb2.DESCRIPTOR.services_by_name["LabelerService"]


@dataclass(slots=True)
class Call:
    """One call on its way. The hook may change `request` and `authorization`."""

    method: str
    request: Any
    authorization: str
    deadline_s: float | None
    """The caller's deadline in seconds; None if it would wait forever."""


Forward = Callable[[Call], Awaitable[Any]]
Around = Callable[[Call, Forward], Awaitable[Any]]
"""A hook that returns the response to a call; its second argument forwards the call to the labeler."""


class LabelerProxy:
    """Serves LabelerService by calling another one. Streams bypass the hook."""

    def __init__(self, address: str, around: Around) -> None:
        """Take the labeler's ``host:port`` and the hook."""
        self._channel = rpc.open_channel(address)
        self._around = around

    def add_to(self, server: grpc.aio.Server) -> None:
        """Add the service to a server."""
        handlers = {method.name: self._handler(method) for method in _SERVICE.methods}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE.full_name, handlers),))

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close(None)

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler[Any, Any]:
        request_type = GetMessageClass(method.input_type)
        response_type = GetMessageClass(method.output_type)
        path = f"/{_SERVICE.full_name}/{method.name}"
        ways: Any = {
            "request_serializer": request_type.SerializeToString,
            "response_deserializer": response_type.FromString,
        }
        if method.server_streaming:
            behaviour: Any = self._streaming(self._channel.unary_stream(path, **ways))
            make: Any = grpc.unary_stream_rpc_method_handler
        else:
            behaviour = self._unary(method.name, self._channel.unary_unary(path, **ways))
            make = grpc.unary_unary_rpc_method_handler
        handler: grpc.RpcMethodHandler[Any, Any] = make(
            behaviour,
            request_deserializer=request_type.FromString,
            response_serializer=response_type.SerializeToString,
        )
        return handler

    def _unary(self, name: str, method: Any) -> Callable[[Any, Any], Awaitable[Any]]:
        async def forward(call: Call) -> Any:
            metadata = (("authorization", call.authorization),) if call.authorization else ()
            return await method(call.request, timeout=call.deadline_s, metadata=metadata)

        async def unary(request: Any, context: Any) -> Any:
            call = Call(name, request, _authorization(context), context.time_remaining())
            try:
                return await self._around(call, forward)
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")

        return unary

    def _streaming(self, method: Any) -> Callable[[Any, Any], AsyncIterator[Any]]:
        async def streaming(request: Any, context: Any) -> AsyncIterator[Any]:
            metadata = (("authorization", _authorization(context)),) if _authorization(context) else ()
            try:
                async for response in method(request, timeout=context.time_remaining(), metadata=metadata):
                    yield response
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")

        return streaming


def _authorization(context: Any) -> str:
    return str(dict(context.invocation_metadata() or ()).get("authorization", ""))
