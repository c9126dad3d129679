"""One value, many watchers."""

from __future__ import annotations

import asyncio

import pytest

from somersault.rpc import Latest


async def test_watcher_gets_the_value_there_is() -> None:
    """The first thing a watcher sees is the value now."""
    watcher = Latest(1).watch()
    assert await anext(watcher) == 1


async def test_slow_watcher_misses_between_and_gets_the_newest() -> None:
    """Values in between are dropped, the newest never."""
    latest = Latest(1)
    watcher = latest.watch()
    await anext(watcher)
    for value in (2, 3, 4):
        latest.set(value)
    assert await anext(watcher) == 4
    assert latest.value == 4


async def test_every_watcher_is_woken() -> None:
    """All who wait see the change."""
    latest = Latest(1)
    watchers = [latest.watch() for _ in range(3)]
    for watcher in watchers:
        await anext(watcher)
    waiting = [asyncio.ensure_future(anext(watcher)) for watcher in watchers]
    await asyncio.sleep(0)
    latest.set(2)
    assert await asyncio.gather(*waiting) == [2, 2, 2]


async def test_watcher_waits_while_nothing_changes() -> None:
    """The same value is not given twice."""
    watcher = Latest(1).watch()
    await anext(watcher)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(watcher), 0.05)
