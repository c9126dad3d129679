"""The one place where domain errors become gRPC statuses."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import structlog

from somersault.errors import Retry, SomersaultError, text_for_callers
from somersault.rpc.handlers import Handler, LoggedError, behavior_of, replaced

__all__ = ["RETRY_KEY", "ErrorInterceptor"]

_log = structlog.get_logger()

RETRY_KEY = "somersault-retry"
"""The trailing metadata of a refused call that says whether to try again."""

Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Ends a call with the status of the domain error it raised, and says whether it may be tried again.

    An error of an unknown kind is logged in full and sent as INTERNAL without detail: its text may hold secrets.
    """

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler:
        """Wrap the handler so that the errors it raises are mapped."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        method = handler_call_details.method
        mapped = _stream_mapped if handler.response_streaming else _unary_mapped
        return replaced(handler, mapped(behavior_of(handler), method))


def _unary_mapped(behavior: Callable[..., Any], method: str) -> Callable[..., Any]:
    async def mapped(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await behavior(request, context)
        except (asyncio.CancelledError, grpc.aio.AbortError):
            raise
        except Exception as error:
            await _abort(error, context, method)

    return mapped


def _stream_mapped(behavior: Callable[..., Any], method: str) -> Callable[..., Any]:
    async def mapped(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
        try:
            responses = behavior(request, context)
            if inspect.isawaitable(
                responses
            ):  # it writes them to the context, as grpc.health.v1's Watch does
                await responses
                return
            async for response in responses:
                yield response
        except (asyncio.CancelledError, grpc.aio.AbortError):
            raise
        except Exception as error:
            await _abort(error, context, method)

    return mapped


async def _abort(error: Exception, context: grpc.aio.ServicerContext[Any, Any], method: str) -> None:
    if isinstance(error, SomersaultError):
        if not isinstance(error, LoggedError):
            _log.info(
                "call_refused", method=method, status=error.status.name, retry=error.retry, detail=str(error)
            )
        await context.abort(error.status, text_for_callers(error), ((RETRY_KEY, error.retry.value),))
    if isinstance(
        error, NotImplementedError
    ):  # raised by generated servicers for methods that a server leaves out
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "this server does not have that method",
            ((RETRY_KEY, Retry.NEVER.value),),
        )
    _log.error("call_failed", method=method, exc_info=error)
    await context.abort(
        grpc.StatusCode.INTERNAL,
        "internal error; the service's log has the cause",
        ((RETRY_KEY, Retry.AGAIN.value),),
    )
