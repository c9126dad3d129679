"""Checks that a folder can hold a run, without making anything."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from somersault.errors import ConfigError

__all__ = ["check_place"]

_LEAST_FREE_BYTES = 16 << 20  # logs, curves and the first checkpoints; `somersault doctor` asks for 1 GiB
_MAX_PATH_BYTES = 4096 - 1 - 200  # PATH_MAX of Linux, less the longest path within a run's folder


def check_place(folder: Path) -> None:
    """Check that a folder can be made, or written to if it exists.

    Raises:
        ConfigError: it can't; the text says why.
    """
    if len(os.fsencode(folder)) > _MAX_PATH_BYTES:
        raise _refused(folder, f"its path has more than {_MAX_PATH_BYTES} bytes")
    try:
        place = _nearest(folder)
        if not place.is_dir():
            kind = "a link that leads nowhere" if place.is_symlink() else "a file"
            raise _refused(folder, f"{'it' if place == folder else place} is {kind}")
        with tempfile.TemporaryFile(dir=place):
            free_bytes = _free_bytes(place)
    except OSError as error:
        raise _refused(folder, f"{error.strerror}{_where(error, folder)}") from error
    if free_bytes < _LEAST_FREE_BYTES:
        least_mib = _LEAST_FREE_BYTES >> 20
        raise _refused(folder, f"{free_bytes >> 20} MiB are free there, a run needs at least {least_mib}")


def _nearest(folder: Path) -> Path:
    """Return the folder or its nearest existing parent."""
    for place in (folder, *folder.parents):
        try:
            place.lstat()
        except FileNotFoundError:
            continue
        except NotADirectoryError:  # something above it is a file
            continue
        return place
    return Path(folder.anchor)


def _free_bytes(place: Path) -> int:
    status = os.statvfs(place)
    return status.f_bavail * status.f_frsize


def _where(error: OSError, folder: Path) -> str:
    place = None if error.filename is None else Path(os.fsdecode(error.filename))
    # A temporary file's own name tells nothing.
    place = place and (place if place.is_dir() else place.parent)
    return "" if place is None or place == folder else f": {place}"


def _refused(folder: Path, reason: str) -> ConfigError:
    return ConfigError(f"run folder {folder} can't be used ({reason}); choose another --run-dir")
