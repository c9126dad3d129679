"""How a command is asked to end cleanly: by a signal, or by a standard stream that fails."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from somersault.cli.exits.standard_streams import when_a_stream_fails

__all__ = ["signals_as_ctrl_c", "stop_signals"]

_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def stop_signals(stopped: asyncio.Event, *, kill: Callable[[], None]) -> Iterator[None]:
    """Set ``stopped`` at the first signal, or once a standard stream fails; call ``kill`` at each further signal."""
    loop = asyncio.get_running_loop()

    def handle() -> None:
        if stopped.is_set():
            kill()
        stopped.set()

    def stop() -> None:
        loop.call_soon_threadsafe(stopped.set)

    earlier = {number: _handler_of(number) for number in _heeded()}
    for number in earlier:
        loop.add_signal_handler(number, handle)
    try:
        with when_a_stream_fails(stop):
            yield
    finally:
        for number, handler in earlier.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


@contextlib.contextmanager
def signals_as_ctrl_c() -> Iterator[None]:
    """Make SIGTERM and SIGHUP act as Ctrl-C unless a handler is installed; only works in the main thread."""
    earlier = {number: _handler_of(number) for number in _heeded() if number != signal.SIGINT}
    try:
        for number in earlier:
            signal.signal(number, _as_ctrl_c)
    except ValueError:  # another thread may set no handlers
        earlier = {}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _heeded() -> tuple[signal.Signals, ...]:
    """Return the signals to end at, leaving out SIGHUP under nohup."""
    is_deaf = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(number for number in _STOP_SIGNALS if number != signal.SIGHUP or not is_deaf)


def _handler_of(number: signal.Signals) -> Any:
    """Return the installed handler; the default if Python doesn't know it."""
    return signal.getsignal(number) or signal.SIG_DFL


def _as_ctrl_c(number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        raise KeyboardInterrupt
    handler(number, frame)  # asyncio's cancels what runs in its loop
