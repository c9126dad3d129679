"""Tells a story in a world of its own, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from somersault.domain.feedback import Preference
from tests.services.reward.world.virtual_time import VirtualTimeLoop, inline_threads
from tests.services.reward.world.world import World

__all__ = ["answer", "in_virtual_time", "until_waiting"]


def in_virtual_time(story: Callable[[World], Coroutine[Any, Any, None]], **settings: Any) -> None:
    """Run a story in a world of its own, all of whose processes are started."""

    async def run() -> None:
        world = World(**{"pacing": "free", **settings})
        try:
            await world.start()
            await story(world)
            world.check()
        finally:
            await world.close()

    loop = VirtualTimeLoop()
    with inline_threads():
        try:
            loop.run_until_complete(run())
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()


def answer(world: World, count: int) -> None:
    """Prefer left in so many of the queries that are offered."""
    for query in world.labeler.offered("ada")[:count]:
        world.labeler.answer("ada", query, Preference.LEFT)


async def until_waiting(world: World) -> None:
    """Let time go by until the learner waits for answers."""
    while world.reward is None or not world.reward.loop.num_awaited:
        await asyncio.sleep(1.0)
    await asyncio.sleep(5.0)  # until clips are drawn
