"""The server's half of a bidirectional stream: it handles requests and sends responses at the same time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from somersault.errors import InvalidInputError, UnavailableError
from somersault.rpc import limits

__all__ = ["drained", "duplex", "end_of_this_call", "first_message"]

Request = TypeVar("Request")
Response = TypeVar("Response")


async def duplex(
    requests: AsyncIterator[Request],
    *,
    handle: Callable[[Request], Awaitable[None]],
    responses: AsyncIterator[Response],
    outlives_requests: bool = False,
) -> AsyncIterator[Response]:
    """Yield the responses as they come, while each request is passed to ``handle``.

    An exception from ``handle`` is raised here, which ends the call.

    Args:
        requests: What the peer sends.
        handle: Takes one request.
        responses: What to send; the next one is asked for only once the last has been taken.
        outlives_requests: Whether to continue after the peer has closed its half, as watchers do.
    """
    reader = asyncio.ensure_future(_consume(requests, handle))
    sender: asyncio.Future[Response] | None = None
    try:
        while True:
            sender = sender or asyncio.ensure_future(anext(responses))
            waiting: set[asyncio.Future[Any]] = {sender}
            if not (outlives_requests and _has_ended_well(reader)):
                waiting.add(reader)
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if sender.done():
                try:
                    response, sender = sender.result(), None
                except StopAsyncIteration:
                    return
                yield response
            elif not (outlives_requests and _has_ended_well(reader)):
                reader.result()
                return
    finally:
        for task in (reader, sender):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration, Exception):
                    await task


async def first_message(requests: AsyncIterator[Request], *, rpc: str) -> Request:
    """Return a stream's first message, which must be its hello.

    Raises:
        InvalidInputError: the stream ended without, or its first message is another.
        UnavailableError: none came in time.
    """
    try:
        async with asyncio.timeout(limits.HELLO_S):
            async for request in requests:
                message: Any = request
                if message.WhichOneof("kind") != "hello":
                    break
                return request
    except TimeoutError as error:
        raise UnavailableError(f"no hello came within {limits.HELLO_S:g} s") from error
    raise InvalidInputError(f"the first message of {rpc} must be a hello")


async def drained(queue: asyncio.Queue[Response]) -> AsyncIterator[Response]:
    """Yield a queue's items as they come, forever."""
    while True:
        yield await queue.get()


def end_of_this_call() -> Callable[[], object]:
    """Return what ends the call that is being served, even if its peer reads nothing."""
    task = asyncio.current_task()
    return task.cancel if task is not None else lambda: None


async def _consume(requests: AsyncIterator[Request], handle: Callable[[Request], Awaitable[None]]) -> None:
    async for request in requests:
        await handle(request)


def _has_ended_well(task: asyncio.Future[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
