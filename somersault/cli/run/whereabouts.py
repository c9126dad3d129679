"""Follows a run's folder while a command uses it, because it may be moved or deleted meanwhile."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from somersault.errors import FailedPreconditionError

__all__ = ["Whereabouts"]


class Whereabouts:
    """Recognises a folder by its device and inode, wherever it is moved."""

    def __init__(self, folder: Path, *, held: int) -> None:
        """Take a folder and the descriptor of an open file in it.

        Raises:
            OSError: it doesn't exist.
        """
        self._folder = folder
        self._held = held
        self._known_by = _known_by(folder)

    def now(self) -> Path | None:
        """Return where the folder is now; None if it was deleted or the system can't tell."""
        if self._is_at(self._folder):
            return self._folder
        with suppress(OSError):
            place = Path(f"/proc/self/fd/{self._held}").readlink().parent
            return place if self._is_at(place) else None
        return None

    def check(self) -> None:
        """Check that the folder is where it was.

        Raises:
            FailedPreconditionError: it was moved or deleted; the text says where it is now.
        """
        now = self.now()
        if now == self._folder:
            return
        what = "moved or deleted" if now is None else f"moved to {now}"
        raise FailedPreconditionError(
            f"run folder {self._folder} was {what} while the run went on; what was learned until then is in its last"
            " checkpoint"
        )

    def _is_at(self, place: Path) -> bool:
        """Return whether the folder is at a path; if the file system can't tell for now, assume that it is."""
        try:
            return _known_by(place) == self._known_by and (place / "config.json").exists()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True


def _known_by(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
