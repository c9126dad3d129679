"""Replaces a file so that neither a reader nor a loss of power ever leaves half of it, or the old one once it is said to be done."""

from __future__ import annotations

import os
from pathlib import Path

from somersault.processes.private_files import PRIVATE_FILE
from somersault.runtime.failpoints import failpoint

__all__ = ["replace_file"]


def replace_file(path: Path, text: str) -> None:
    """Write a file of the run folder that its owner alone may read; its new content is on disk when this returns.

    Raises:
        OSError: the system refuses; the file is as it was.
    """
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    failpoint("run.file.written")
    temporary.rename(path)
    failpoint("run.file.renamed")
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk: a rename is lost with the power until then."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
