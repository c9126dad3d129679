"""Counts how often an environment ended the process that plays it: by an exit or a crash, which leaves no word of its own."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from somersault.call_record import oldest_call

__all__ = ["EndedCalls"]

MAX_ENDS = 3
WINDOW_S = 60.0
"""So often within it, and it would end the next one too."""

_FROM_OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
"""Exit codes of a process that somebody else has ended, whatever it was doing."""


class EndedCalls:
    """Knows of the ends of one service's processes that came within a call of an environment."""

    def __init__(self, record: Path | None, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """Take the file in which the service shows its calls; None where it calls no environment."""
        self._record = record
        self._now_s = now_s
        self._ends_s: deque[float] = deque(maxlen=MAX_ENDS)

    def note(self, code: int, *, how: str) -> str:
        """Hear that a process ended by itself, and return why none should be started again, "" if one should.

        Args:
            code: Its exit code, a signal's number below 0.
            how: That in words.
        """
        call = oldest_call(self._record) if self._record is not None else None
        if call is None or code in _FROM_OUTSIDE:
            return ""
        now_s = self._now_s()
        self._ends_s.append(now_s)
        if len(self._ends_s) < MAX_ENDS or now_s - self._ends_s[0] > WINDOW_S:
            return ""
        who = f"environment {call.environment} (copy {call.copy})"
        when = f"in {call.method}, at step {call.step}"
        return f"{who} ended the process ({how}) {when}, {MAX_ENDS} times within {WINDOW_S:.0f} s"
