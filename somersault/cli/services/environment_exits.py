"""Counts how often an environment ended the simulator's process, by an exit or a crash that logs nothing."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from somersault.runtime.call_record import num_rollouts, oldest_call

__all__ = ["EnvironmentExits"]

MAX_ENDS = 3
WINDOW_S = 60.0
"""That often within it, or in a row without a complete rollout, and the next process would end as well."""

_FROM_OUTSIDE = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})
"""Exit codes of a process that something else ended, whatever it was doing."""


class EnvironmentExits:
    """Counts the ends of one service's processes that came during a call of an environment."""

    def __init__(self, record: Path | None, *, now_s: Callable[[], float] = time.monotonic) -> None:
        """Take the file in which the service records its calls; None if it calls no environment."""
        self._record = record
        self._now_s = now_s
        self._ends_s: deque[float] = deque(maxlen=MAX_ENDS)
        self._num_in_vain = 0
        """Ends in a row without a complete rollout; on a slow machine a rollout may take longer than a minute."""

    def forget_calls(self) -> None:
        """Forget the calls of the process before this one."""
        if self._record is not None:
            self._record.unlink(missing_ok=True)

    def note(self, code: int, *, how: str) -> str:
        """Count the end of a process that ended by itself; return why it should not be restarted, "" if it should.

        Args:
            code: Its exit code; a negative signal number.
            how: The exit code in words.
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
