"""Where a run's folder is while a command works with it: somebody may move or delete it under the run."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from somersault.errors import FailedPreconditionError

__all__ = ["Whereabouts"]


class Whereabouts:
    """Knows a folder again, by what its file system calls it, wherever it was moved to."""

    def __init__(self, folder: Path, *, held: int) -> None:
        """Take a folder and the descriptor of an open file in it.

        Raises:
            OSError: it isn't there.
        """
        self._folder = folder
        self._held = held
        self._known_by = _known_by(folder)

    def now(self) -> Path | None:
        """Return where the folder is now; None if it was deleted, or if the system doesn't tell."""
        if self._is_at(self._folder):
            return self._folder
        with suppress(OSError):
            place = Path(f"/proc/self/fd/{self._held}").readlink().parent
            return place if self._is_at(place) else None
        return None

    def check(self) -> None:
        """Check that the folder is where it was.

        Raises:
            FailedPreconditionError: it was moved or deleted; says where it is now.
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
        """Say whether the folder is at a place, as it was; a file system that can't say for now is believed to have it."""
        try:
            return _known_by(place) == self._known_by and (place / "config.json").exists()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True


def _known_by(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
