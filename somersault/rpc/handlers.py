"""Handlers of rpcs as interceptors take them apart and put them together again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from somersault.errors import InvalidInputError, PermissionDeniedError, SomersaultError

__all__ = [
    "Context",
    "DeniedCallError",
    "Handler",
    "LoggedError",
    "behavior_of",
    "guarded",
    "refusal",
    "replaced",
]

Handler = Any
"""grpc's own type can't be constructed through its public interface."""

Context = grpc.aio.ServicerContext[Any, Any]

_MAKE: dict[tuple[bool, bool], Any] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class LoggedError(SomersaultError):
    """An error that has been logged as often as it should be: whoever tries again and again fills no log."""


class DeniedCallError(LoggedError, PermissionDeniedError):
    """A call that was denied."""


def behavior_of(handler: Handler) -> Callable[..., Any]:
    """Return what a handler does with a request and its context, whatever kind it is."""
    behavior: Callable[..., Any] = (
        handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
    )
    return behavior


def replaced(handler: Handler, behavior: Callable[..., Any], **changes: Any) -> Handler:
    """Return the same handler around another behavior, of the same kind; ``changes`` go to its constructor."""
    kept = {
        "request_deserializer": handler.request_deserializer,
        "response_serializer": handler.response_serializer,
    }
    return _MAKE[handler.request_streaming, handler.response_streaming](behavior, **{**kept, **changes})


def guarded(handler: Handler, check: Callable[[Context], None]) -> Handler:
    """Return the same handler behind a check of the call's context, which raises to refuse the call.

    It takes a stream, whatever the rpc takes, so that nothing of a request is read before the check (`refusal`).
    """
    behavior = behavior_of(handler)

    async def request_of(sent: AsyncIterator[Any]) -> Any:
        return sent if handler.request_streaming else await _only(sent)

    async def unary(sent: AsyncIterator[Any], context: Context) -> Any:
        check(context)
        return await behavior(await request_of(sent), context)

    async def streaming(sent: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        check(context)
        async for response in behavior(await request_of(sent), context):
            yield response

    return _MAKE[True, handler.response_streaming](
        streaming if handler.response_streaming else unary,
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


async def _only(sent: AsyncIterator[Any]) -> Any:
    async for request in sent:
        return request
    raise InvalidInputError("the call has no request: send one message")


async def _at_once(_context: Context) -> None:
    """Wait for nothing."""


def refusal(error: Exception, *, wait: Callable[[Context], Awaitable[None]] = _at_once) -> Handler:
    """Return a handler that raises an error before it has read a byte of the request.

    It takes a stream, whatever the rpc takes: gRPC reads the one message of a unary call before it calls its handler, but
    of a stream nothing until it is asked for. The caller sees the error's status in either case.

    Args:
        error: What the call ends with.
        wait: Waited for first; what it raises takes the error's place.
    """

    async def refuse(_requests: Any, context: Context) -> AsyncIterator[Any]:
        await wait(context)
        raise error
        yield

    return grpc.stream_stream_rpc_method_handler(refuse)
