"""Records which environment is being called right now, and since when, so that one that hangs or ends the process is known.

With a file it is known even after the process's end: the parent process reads it with `oldest_call`.
"""

from __future__ import annotations

import mmap
import struct
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CallInProgress", "CallRecord", "num_rollouts", "oldest_call"]

_HEAD = struct.Struct("<8s64sq")
"""A magic number, the environment's name, and the number of complete rollouts."""
_MARK = b"calls\x00\x02\x00"
_ENTRY = struct.Struct("<d q 8s")
"""Monotonic seconds at which a call began, 0 if there is none; the step; the method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallInProgress:
    """A call of an environment that has not returned."""

    environment: str
    copy: int
    """Which of the environments that are stepped side by side."""
    method: str
    step: int
    age_s: float
    """Seconds since it began."""

    def __str__(self) -> str:
        """Return the call in words."""
        return f"environment {self.environment} (copy {self.copy}) in {self.method}, at step {self.step}"

    def describe_wait(self) -> str:
        """Return a sentence that says for how long the call has not returned."""
        who = f"environment {self.environment} (copy {self.copy})"
        return f"{who} has not returned from {self.method} for {self.age_s:.0f} s, at step {self.step}"


class CallRecord:
    """An entry for each environment of a batch; each is written by one thread at a time."""

    def __init__(self, environment: str, *, num_environments: int, path: Path | None = None) -> None:
        """Take the environment's name, the number of copies, and the file; None keeps the record in memory only."""
        size = _HEAD.size + num_environments * _ENTRY.size
        if path is None:
            self._memory = mmap.mmap(-1, size)
        else:
            with path.open("w+b") as file:
                file.truncate(size)
                self._memory = mmap.mmap(file.fileno(), size)
        self._name = environment.encode()[:63].decode(errors="ignore").encode()
        self._num_rollouts = 0
        _HEAD.pack_into(self._memory, 0, _MARK, self._name, 0)

    def of(self, copy: int) -> _Entry:
        """Return the entry of one environment."""
        return _Entry(self._memory, _HEAD.size + copy * _ENTRY.size)

    def count_rollout(self) -> None:
        """Count a complete rollout."""
        self._num_rollouts += 1
        _HEAD.pack_into(self._memory, 0, _MARK, self._name, self._num_rollouts)

    def oldest(self) -> CallInProgress | None:
        """Return the call that has been in progress longest; None if there is none."""
        return _oldest_in(self._memory[:])


class _Entry:
    """Writes one entry."""

    def __init__(self, memory: mmap.mmap, offset: int) -> None:
        self._memory = memory
        self._offset = offset

    def begin(self, method: str, step: int) -> None:
        """Note that a call begins."""
        _ENTRY.pack_into(self._memory, self._offset, time.monotonic(), step, method.encode())

    def end(self) -> None:
        """Note that it returned."""
        _NOTHING.pack_into(self._memory, self._offset, 0.0)


_NOTHING = struct.Struct("<d")


def oldest_call(path: Path) -> CallInProgress | None:
    """Return the call that a record's file shows in progress longest; None if there is none, or no file."""
    try:
        return _oldest_in(path.read_bytes())
    except OSError:
        return None


def num_rollouts(path: Path) -> int:
    """Return the number of complete rollouts in a record's file; 0 if there is no file."""
    try:
        data = path.read_bytes()
    except OSError:
        return 0
    is_record = len(data) >= _HEAD.size and data.startswith(_MARK)
    return int(_HEAD.unpack_from(data)[2]) if is_record else 0


def _oldest_in(data: bytes) -> CallInProgress | None:
    if len(data) < _HEAD.size or not data.startswith(_MARK):
        return None
    _, name, _ = _HEAD.unpack_from(data)
    entries = [
        (*_ENTRY.unpack_from(data, offset), copy)
        for copy, offset in enumerate(range(_HEAD.size, len(data) - _ENTRY.size + 1, _ENTRY.size))
    ]
    begun = [entry for entry in entries if entry[0] > 0]
    if not begun:
        return None
    since_s, step, method, copy = min(begun)
    return CallInProgress(
        environment=name.rstrip(b"\0").decode(errors="replace"),
        copy=copy,
        method=method.rstrip(b"\0").decode(errors="replace"),
        step=step,
        age_s=max(0.0, time.monotonic() - since_s),
    )
