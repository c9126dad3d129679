"""Those who wait are woken: by a change, or by a newer value."""

from __future__ import annotations

import asyncio

import pytest

from somersault.rpc import Latest, Notifier, wait_for_change


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


async def test_a_change_between_looking_and_waiting_is_not_lost() -> None:
    """Whoever took the next change before it happened doesn't wait for the one after it."""
    notifier = Notifier()
    change = notifier.next
    notifier.notify()
    await asyncio.wait_for(change.wait(), 1)
    assert not notifier.next.is_set()


async def test_a_condition_is_looked_at_after_each_change() -> None:
    """A change that doesn't meet it is waited past."""
    notifier, seen = Notifier(), []
    waiting = asyncio.ensure_future(notifier.wait_until(lambda: len(seen) == 2))
    await asyncio.sleep(0)
    seen.append(1)
    notifier.notify()
    await asyncio.sleep(0)
    assert not waiting.done()
    seen.append(2)
    notifier.notify()
    await asyncio.wait_for(waiting, 1)


async def test_waiting_for_a_change_ends_by_time() -> None:
    """Nothing is raised when the time is up."""
    change = Notifier().next
    await wait_for_change(change, timeout_s=0.01)
    assert not change.is_set()
