"""The signals by which a command is asked to end in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

__all__ = ["stop_signals"]

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stop_signals(stopped: asyncio.Event, *, kill: Callable[[], None]) -> Iterator[None]:
    """Set ``stopped`` at the first signal and call ``kill`` at each further one."""
    loop = asyncio.get_running_loop()

    def handle() -> None:
        if stopped.is_set():
            kill()
        stopped.set()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
