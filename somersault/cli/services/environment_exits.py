"""Counts how often an environment ended the process that plays it: by an exit or a crash, which leaves no word of its own."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from somersault.runtime.call_record import num_rollouts, oldest_call

__all__ = ["EndedCalls"]

MAX_ENDS = 3
WINDOW_S = 60.0
"""So often within it, or in a row before a rollout was whole, and it would end the next one too."""

_FROM_OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
"""Exit codes of a process that somebody else has ended, whatever it was doing."""


class EndedCalls:
    """Knows of the ends of one service's processes that came within a call of an environment."""

    def __init__(self, record: Path | None, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """Take the file in which the service shows its calls; None where it calls no environment."""
        self._record = record
        self._now_s = now_s
        self._ends_s: deque[float] = deque(maxlen=MAX_ENDS)
        self._num_in_vain = 0
        """Ends in a row of lives in which no rollout was whole: on a slow machine, those take longer than a minute."""

    def forget_calls(self) -> None:
        """Hear that a process begins: the calls of the one before are none of its own."""
        if self._record is not None:
            self._record.unlink(missing_ok=True)

    def note(self, code: int, *, how: str) -> str:
        """Hear that a process ended by itself, and return why none should be started again, "" if one should.

        Args:
            code: Its exit code, a signal's number below 0.
            how: That in words.
        """
        call = oldest_call(self._record) if self._record is not None else None
        if self._record is None or call is None or code in _FROM_OUTSIDE:
            return ""
        self._num_in_vain = 0 if num_rollouts(self._record) else self._num_in_vain + 1
        now_s = self._now_s()
        self._ends_s.append(now_s)
        if len(self._ends_s) == MAX_ENDS and now_s - self._ends_s[0] <= WINDOW_S:
            often = f"{MAX_ENDS} times within {WINDOW_S:.0f} s"
        elif self._num_in_vain >= MAX_ENDS:
            often = f"{MAX_ENDS} times in a row before a rollout was whole"
        else:
            return ""
        who = f"environment {call.environment} (copy {call.copy})"
        when = f"in {call.method}, at step {call.step}"
        return f"{who} ended the process ({how}) {when}, {often}"
