"""Keeps what we write readable by its owner alone: runs hold tokens, keys, labelers' names and what people answered."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ["PRIVATE_FILE", "PRIVATE_FOLDER", "keep_private", "tighten"]

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_OTHERS = 0o077


def keep_private() -> None:
    """Let this process, and those that it starts, make files and folders that nobody else may read."""
    os.umask(_OTHERS)


def tighten(paths: Iterable[Path]) -> None:
    """Take from others what an earlier version, or a program with another mask, let them do.

    What isn't there, isn't ours or lies on a file system without modes stays as it is.
    """
    for path in paths:
        with suppress(OSError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & _OTHERS:
                path.chmod(mode & ~_OTHERS)
