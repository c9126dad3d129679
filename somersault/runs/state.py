"""Whether a run is running, stopped or finished, according to its folder."""

from __future__ import annotations

import enum
import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["RunState", "state_of"]


class RunState(enum.StrEnum):
    """The state of a run."""

    RUNNING = "running"
    """A `somersault train` is working on it right now; `somersault open` only shows it."""
    STOPPED = "stopped"
    """Interrupted before its end; `--resume` continues it."""
    FINISHED = "finished"
    """It has its summary."""


def state_of(folder: Path, *, summary: Mapping[str, Any] | None, newest: Mapping[str, Any]) -> RunState:
    """Return a run's state.

    Args:
        folder: the run's.
        summary: its results, None before its end.
        newest: the newest point of its curves. A run that was continued after its end has more steps than its summary.
    """
    if _is_trained(folder / ".lock"):
        return RunState.RUNNING
    if summary is None or newest.get("run/env_steps", 0) > summary.get("env_steps", 0):
        return RunState.STOPPED
    return RunState.FINISHED


def _is_trained(path: Path) -> bool:
    """Return whether a process is training: it holds a lock. To find out, a shared lock is taken for a moment."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.read(descriptor, 64).strip() != b"open"
    finally:
        os.close(descriptor)
    return False
