"""Ends a command in order that is stopped before it has begun, while what it needs is still being imported.

Imports next to nothing, so that it is in place within moments of a process's start.
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
    """Let Ctrl-C, SIGTERM and SIGHUP end the process at once, except those that whoever started it has it ignore."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)


def hand_over() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again: whoever calls this knows how to end what is about to begin."""
    global _is_begun  # noqa: PLW0603 - a process's own, as its signal handlers are
    if signal.getsignal(signal.SIGINT) is _end:
        _is_begun = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    """End without raising: what is imported may take an exception for something else.

    Once a command has begun, it has said itself how it ended.
    """
    if not _is_begun and "--json" in sys.argv:
        with contextlib.suppress(OSError):
            os.write(1, _OBJECT)
    os._exit(_INTERRUPTED)
