"""The lock of a run's folder: the process that holds it is the one that uses the run."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from somersault.cli.run.whereabouts import Whereabouts
from somersault.errors import FailedPreconditionError
from somersault.processes.private_files import PRIVATE_FILE

__all__ = ["FolderLock"]

_LOOK_S = 2.0  # whoever looks whether a run is in use has its lock for less than a millisecond
_MAX_COMMAND = 56  # bytes of a command's name


class FolderLock:
    """Locks a folder through a file in it, which also names the command that holds the lock."""

    def __init__(self, folder: Path, *, command: str) -> None:
        """Take the folder and the command that will hold the lock; nothing is locked yet."""
        self._folder = folder
        self._file = folder / ".lock"
        self._command = command
        self._held: int | None = None
        self.whereabouts: Whereabouts | None = None
        """Follows the folder while it is locked by `take`."""

    def take(self) -> None:
        """Lock the folder for this process alone.

        Raises:
            FailedPreconditionError: another command holds the lock.
        """
        held = self._held = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        give_up_s = time.monotonic() + _LOOK_S
        while not _locks(held, fcntl.LOCK_EX):
            if self.user() is None and time.monotonic() < give_up_s:  # a process is only looking
                time.sleep(0.01)
                continue
            self.release()
            raise self._in_use()
        self.whereabouts = Whereabouts(self._folder, held=held)
        os.truncate(held, 0)
        os.write(held, self._command.encode())

    def share(self) -> None:
        """Lock the folder together with others that share it; do nothing in a folder that was never locked.

        Raises:
            FailedPreconditionError: another command holds the lock alone.
        """
        with suppress(FileNotFoundError):
            self._held = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
            if not _locks(self._held, fcntl.LOCK_SH):
                self.release()
                raise self._in_use()

    def user(self) -> str | None:
        """Return the command that holds the lock, None if there is none."""
        try:
            lock = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if _locks(lock, fcntl.LOCK_SH):
                return None
            return os.read(lock, _MAX_COMMAND).decode("utf-8", errors="replace").strip() or "train"
        finally:
            os.close(lock)

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
            self.whereabouts = None

    def _in_use(self) -> FailedPreconditionError:
        return FailedPreconditionError(
            f"run folder {self._folder} is in use by another somersault {self.user() or 'train'}; wait for it to end or"
            " stop it"
        )


def _locks(lock: int, kind: int) -> bool:
    """Lock an open file if that is possible at once; return whether it was."""
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
