"""Calls that wait for their turn."""

from __future__ import annotations

import asyncio
import gc

import pytest

from services.simulator.turns import Turns
from somersault.errors import ResourceExhaustedError


class _Hall:
    """Calls that last until they are let go, and the order in which they began."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self.go = asyncio.Event()

    async def call(self, caller: str, num_bytes: int = 0) -> None:
        async with self.turns.turn(caller, num_bytes=num_bytes):
            self.began.append(caller)
            await self.go.wait()

    def start(self, *callers: str, num_bytes: int = 0) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self.call(caller, num_bytes)) for caller in callers]


async def _settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_take_turns() -> None:
    """Whoever asks twice waits for whoever asks after it, as long as that one has waited too."""
    hall = _Hall(Turns("tests", max_calls=20, max_bytes=0))
    calls = hall.start("a", "a", "a", "a", "b", "c", "b")
    await _settle()
    hall.go.set()
    await asyncio.gather(*calls)
    assert hall.began == ["a", "b", "c", "a", "b", "a", "a"]


async def test_two_run_at_once_but_not_of_one_caller() -> None:
    """So one long call stops no other caller."""
    hall = _Hall(Turns("tests", max_calls=20, max_bytes=0, num_at_once=2))
    calls = hall.start("a", "a", "b", "c")
    await _settle()
    assert hall.began == ["a", "b"]
    hall.go.set()
    await asyncio.gather(*calls)


async def test_more_calls_than_there_are_places_are_refused() -> None:
    """Half of them to one caller at most, so that another still finds one."""
    hall = _Hall(Turns("tests", max_calls=4, max_bytes=0))
    calls = hall.start("a", "a")
    await _settle()
    with pytest.raises(ResourceExhaustedError, match="2 calls wait, 2 of them this caller's; at most 4"):
        await hall.call("a")
    calls += hall.start("b", "b")
    await _settle()
    with pytest.raises(ResourceExhaustedError, match="4 calls wait, 0 of them this caller's"):
        await hall.call("c")
    hall.go.set()
    await asyncio.gather(*calls)
    await hall.call("a")


async def test_more_bytes_than_there_is_room_for_are_refused() -> None:
    """However few calls hold them; one call may take all that is free."""
    hall = _Hall(Turns("tests", max_calls=100, max_bytes=100))
    (first,) = hall.start("a", num_bytes=40)
    await _settle()
    with pytest.raises(ResourceExhaustedError, match="40 bytes of calls wait"):
        await hall.call("a", num_bytes=20)
    with pytest.raises(ResourceExhaustedError, match="at most 100 may"):
        await hall.call("b", num_bytes=70)
    hall.go.set()
    await hall.call("b", num_bytes=60)
    await first


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_who_is_cancelled_leaves_at_once(which: int) -> None:
    """Running, waiting first or last: its place, its bytes and its turn are free."""
    hall = _Hall(Turns("tests", max_calls=6, max_bytes=90))
    calls = hall.start("a", "a", "a", num_bytes=15)
    await _settle()
    calls.pop(which).cancel()
    await _settle()
    calls += hall.start("a", num_bytes=15)
    await _settle()
    hall.go.set()
    await asyncio.gather(*calls)
    assert hall.began.count("a") == (4 if which == 0 else 3)


async def test_who_is_cancelled_as_its_turn_comes_passes_it_on() -> None:
    """Admitted and cancelled in the same step of the event loop."""
    hall = _Hall(Turns("tests", max_calls=6, max_bytes=0))
    first, second, third = hall.start("a", "b", "c")
    await _settle()
    hall.go.set()
    first.add_done_callback(lambda _: second.cancel())
    await asyncio.gather(first, second, third, return_exceptions=True)
    assert hall.began in (["a", "c"], ["a", "b", "c"])
    await hall.call("d")


async def test_callers_that_are_gone_are_forgotten() -> None:
    """A thousand connections leave nothing behind."""
    turns = Turns("tests", max_calls=6, max_bytes=100)
    for number in range(1000):
        async with turns.turn(f"caller {number}", num_bytes=5):
            pass
    gc.collect()
    held = [turns._num_calls, turns._num_bytes, turns._running, turns._waiting]
    assert list(map(len, held)) == [0, 0, 0, 0]
