"""Streams that are opened again for as long as a service lives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import grpc.aio
import pytest

from somersault.errors import InvalidInputError, UnavailableError
from somersault.rpc import Backoff, dial_forever, limits

Hold = Callable[[grpc.aio.Channel, Backoff], Awaitable[None]]


async def _dial_until_done(hold: Hold, done: asyncio.Event) -> list[str]:
    """Dials until ``done`` and gives what was told of lost streams."""
    lost: list[str] = []
    dialling = asyncio.create_task(dial_forever("127.0.0.1:1", hold, on_lost=lost.append))
    async with asyncio.timeout(20):
        await done.wait()
    dialling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await dialling
    return lost


async def test_a_peer_that_stays_away_for_one_reason_is_told_of_once() -> None:
    """Another reason is told again."""
    reasons, done = iter(["away", "away", "refused"]), asyncio.Event()

    async def hold(_channel: grpc.aio.Channel, _backoff: Backoff) -> None:
        reason = next(reasons, None)
        if reason is None:
            done.set()
            await asyncio.Event().wait()
        raise UnavailableError(reason)

    assert await _dial_until_done(hold, done) == ["away", "refused"]


async def test_a_stream_that_worked_between_is_told_of_again() -> None:
    """Lost twice for the same reason, with an answer of the peer before each."""
    left, done = [1, 2], asyncio.Event()

    async def hold(_channel: grpc.aio.Channel, backoff: Backoff) -> None:
        if not left:
            done.set()
            await asyncio.Event().wait()
        left.pop()
        backoff.reset()

    assert await _dial_until_done(hold, done) == ["it ended the stream"] * 2


async def test_a_cancellation_that_comes_as_an_error_of_the_stream_ends_the_dialling() -> None:
    """grpc.aio may raise an error of its own in its place; every loop that tries again waits by `Backoff.wait`."""
    is_held = asyncio.Event()

    async def hold(_channel: grpc.aio.Channel, _backoff: Backoff) -> None:
        if is_held.is_set():  # dialled once more: let it be cancelled, so that a failing test ends
            await asyncio.Event().wait()
        is_held.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise UnavailableError("Internal error from Core") from None

    dialling = asyncio.create_task(dial_forever("127.0.0.1:1", hold, on_lost=lambda _: None))
    await is_held.wait()
    dialling.cancel()

    await asyncio.wait([dialling], timeout=5)

    assert dialling.cancelled()


def test_waits_grow_to_the_cap_with_jitter() -> None:
    """A thousand clients that failed ten times come back spread over 2.5 to 5 s, no two tenths without one."""
    delays: list[float] = []
    for _ in range(1000):
        backoff = Backoff(cap_s=limits.REDIAL_CAP_S)
        for _ in range(10):
            backoff.next_delay_s()
        delays.append(backoff.next_delay_s())
    assert min(delays) >= 2.5
    assert max(delays) <= 5.0
    assert {int(delay * 5) for delay in delays} == set(range(12, 25))


async def test_what_is_no_error_of_ours_ends_the_dialling() -> None:
    """A fault in the program is not hidden behind another try."""

    async def hold(_channel: grpc.aio.Channel, _backoff: Backoff) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await dial_forever("127.0.0.1:1", hold, on_lost=lambda _detail: None)


async def test_what_never_succeeds_ends_the_dialling() -> None:
    """A refusal for good is raised as soon as it comes; one that passes is not."""
    errors = iter([UnavailableError("away"), InvalidInputError("task", "hopper", "the learner's task")])
    lost: list[str] = []

    async def hold(_channel: grpc.aio.Channel, _backoff: Backoff) -> None:
        raise next(errors)

    async with asyncio.timeout(10):
        with pytest.raises(InvalidInputError, match="task is 'hopper'"):
            await dial_forever("127.0.0.1:1", hold, on_lost=lost.append)
    assert lost == ["away"]
