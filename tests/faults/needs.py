"""What faults need of the machine, and whether it is there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.services.labeler import postgresql_server

__all__ = ["faketime_library", "needs_faketime", "needs_postgresql", "needs_root", "needs_strace"]


def needs_postgresql() -> str:
    """Return what is missing for a PostgreSQL server."""
    return "" if postgresql_server.IS_INSTALLED else "PostgreSQL is not installed (Debian's postgresql)"


def faketime_library() -> Path | None:
    """Return the library that changes what a process takes the time to be; None if it isn't installed."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def needs_faketime() -> str:
    """Return what is missing for another clock."""
    return "" if faketime_library() else "libfaketime is not installed (Debian's faketime)"


def needs_strace() -> str:
    """Return what is missing to slow a process's calls of the system."""
    return "" if shutil.which("strace") else "strace is not installed"


def needs_root() -> str:
    """Return why no file system can be mounted."""
    return "" if os.getuid() == 0 else "a full disk is a small file system, which root alone can mount"
