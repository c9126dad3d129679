"""The server's half of a bidirectional stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from somersault.errors import InvalidInputError
from somersault.rpc import drained, duplex


async def given(*values: int) -> AsyncIterator[int]:
    """A peer that says these and closes its half."""
    for value in values:
        yield value


async def open_ended(*values: int) -> AsyncIterator[int]:
    """A peer that says these and keeps its half open."""
    for value in values:
        yield value
    await asyncio.Event().wait()


async def test_requests_are_handled_while_responses_flow() -> None:
    """What a request causes is sent back."""
    queue: asyncio.Queue[int] = asyncio.Queue()
    stream = duplex(open_ended(1, 2), handle=queue.put, responses=drained(queue))
    assert [await anext(stream), await anext(stream)] == [1, 2]
    await stream.aclose()


async def test_stream_ends_with_the_requests() -> None:
    """When the peer closes its half, so do we."""

    async def handle(_: int) -> None:
        pass

    stream = duplex(given(1), handle=handle, responses=open_ended())
    assert [response async for response in stream] == []


async def test_watcher_stays_after_closing_its_half() -> None:
    """Those who only watch say nothing more and are still told."""

    async def handle(_: int) -> None:
        pass

    stream = duplex(given(), handle=handle, responses=open_ended(7), outlives_requests=True)
    await asyncio.sleep(0)
    assert await anext(stream) == 7
    await stream.aclose()


async def test_error_in_a_request_ends_the_call() -> None:
    """What handling raises is what the caller gets."""

    async def handle(_: int) -> None:
        raise InvalidInputError("request", 1, "something else")

    stream = duplex(open_ended(1), handle=handle, responses=open_ended(), outlives_requests=True)
    with pytest.raises(InvalidInputError):
        await anext(stream)


async def test_stream_ends_with_the_responses() -> None:
    """When there is nothing more to send, the call is over."""

    async def handle(_: int) -> None:
        pass

    stream = duplex(open_ended(), handle=handle, responses=given(1, 2))
    assert [response async for response in stream] == [1, 2]


async def test_reader_is_gone_after_the_stream() -> None:
    """No task outlives its call."""
    handled = asyncio.Event()

    async def handle(_: int) -> None:
        handled.set()

    before = asyncio.all_tasks()
    stream = duplex(open_ended(1), handle=handle, responses=open_ended(5))
    await anext(stream)
    await handled.wait()
    await stream.aclose()
    assert asyncio.all_tasks() == before
