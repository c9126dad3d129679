"""Ends a command cleanly at a signal that arrives before the command has begun, while its imports still run.

This module imports next to nothing, so that it is in place moments after the process starts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from types import FrameType

__all__ = ["end_at_signals", "hand_over"]

_INTERRUPTED = 130  # `ExitCode.INTERRUPTED`, which takes longer to import; a test compares
_OBJECT = b'{"error": "interrupted"}\n'
_is_begun = False


def end_at_signals() -> None:
    """Make Ctrl-C, SIGTERM and SIGHUP end the process at once, except signals that its parent set to be ignored."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def hand_over() -> None:
    """Make Ctrl-C raise `KeyboardInterrupt` again; from here on the caller ends the command."""
    global _is_begun  # noqa: PLW0603 - a process's own, as its signal handlers are
    if signal.getsignal(signal.SIGINT) is _end:
        _is_begun = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    """End without raising, because code that is being imported might catch the exception.

    A command that has begun has already reported how it ended.
    """
    if not _is_begun and "--json" in sys.argv:
        with contextlib.suppress(OSError):
            os.write(1, _OBJECT)
    os._exit(_INTERRUPTED)
