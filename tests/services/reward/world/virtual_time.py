"""An event loop whose clock jumps to what is due next, so that hours of waiting take no time."""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from unittest import mock

from somersault.storage.object_store import StoreThreads

__all__ = ["VirtualTimeLoop", "inline_threads"]

T = TypeVar("T")


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Runs what is ready; when nothing is, its clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__(_JumpingSelector(self))
        self.now_s = 0.0

    def time(self) -> float:
        """Give virtual seconds."""
        return self.now_s


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for nothing: turn the clock on."""
        if timeout is None:
            raise RuntimeError("everything waits for something that never comes")
        self._loop.now_s += max(0.0, timeout)
        return super().select(0)


@contextlib.contextmanager
def inline_threads() -> Iterator[None]:
    """Have `asyncio.to_thread` and `StoreThreads` run their work on the loop: a thread would know nothing of virtual time."""

    async def run_inline(function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        await asyncio.sleep(0)
        return function(*args, **kwargs)

    async def run_stored(_: StoreThreads, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        return await run_inline(function, *args, **kwargs)

    with (
        mock.patch.object(asyncio, "to_thread", run_inline),
        mock.patch.object(StoreThreads, "run", run_stored),
    ):
        yield
