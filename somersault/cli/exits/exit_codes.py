"""The exit codes of every command; docs/operations.md has the same table, which a test compares."""

from __future__ import annotations

import enum

__all__ = ["ExitCode"]


class ExitCode(enum.IntEnum):
    """How a command ended."""

    DONE = 0
    """It did what was asked for."""
    FAILED = 1
    """Something could not be reached, read, written or kept running."""
    REFUSED = 2
    """An option, a setting, or something of yours that the run needs can't be used: mend it first."""
    LEARNED_NOTHING = 4
    """The run came to its end, and no answer said anything that could be learned from."""
    BUG = 70
    """Something happened that nobody thought of; the line says where its traceback is."""
    INTERRUPTED = 130
    """Ctrl-C, SIGTERM or SIGHUP; a run has stored a checkpoint."""
    OUTPUT_CLOSED = 141
    """Whoever read the output went away; a run has stored a checkpoint."""
