"""The exit codes of every command; docs/operations.md has the same table, which a test compares."""

from __future__ import annotations

import enum

__all__ = ["ExitCode"]


class ExitCode(enum.IntEnum):
    """How a command ended."""

    DONE = 0
    """It did what it was asked to do."""
    FAILED = 1
    """Something could not be reached, read, written or kept running."""
    REFUSED = 2
    """An option, a setting, or a file of yours can't be used; fix it first."""
    LEARNED_NOTHING = 4
    """The run reached its end, and no answer was one that it could learn from."""
    BUG = 70
    """An unexpected error; the line says where its traceback is."""
    INTERRUPTED = 130
    """Ctrl-C, SIGTERM or SIGHUP; a run has stored a checkpoint."""
    OUTPUT_CLOSED = 141
    """The reader of the output went away; a run has stored a checkpoint."""
