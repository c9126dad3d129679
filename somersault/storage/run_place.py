"""Where a run keeps its objects: in its own folder, wherever that is now, or in the store that it was told to use.

For its own folder the settings name no place, so that a run can be moved, renamed and copied. Settings of earlier versions
hold the absolute URL of the parent folder.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from somersault.errors import FailedPreconditionError
from somersault.runtime.urls import path_of_file_url, run_folder_url

__all__ = ["IN_FOLDER", "check_has_no_links", "is_in_folder", "storage_url_now"]

IN_FOLDER = ""
"""What the settings of a run that keeps its objects in its own folder say."""

_OBJECTS = ("segments", "policies", "checkpoints")


def storage_url_now(stored: str, *, folder: Path, run_id: str) -> str:
    """Return the URL of a run's store from what its settings say and where its folder is."""
    is_own = stored == IN_FOLDER or _was_in_folder(stored, folder=folder, run_id=run_id)
    return run_folder_url(folder, run_id=run_id) if is_own else stored


def is_in_folder(url: str, *, folder: Path, run_id: str) -> bool:
    """Return whether a store keeps a run's objects in the run's own folder, which need not exist yet."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return False
    if parts.query:
        return url == run_folder_url(folder, run_id=run_id)
    return (path_of_file_url(url) / run_id).resolve() == folder.resolve()


def check_has_no_links(folder: Path) -> None:
    """Check that a run's objects are in its folder: its store follows no link, which could lead out of it.

    Raises:
        FailedPreconditionError: one of the folders of objects is a link.
    """
    for name in _OBJECTS:
        if (folder / name).is_symlink():
            raise FailedPreconditionError(
                f"{folder / name} is a symbolic link, which a run's store does not follow; put the folder that it leads to"
                f" in its place, or move {folder} as a whole and link to that"
            )


def _was_in_folder(stored: str, *, folder: Path, run_id: str) -> bool:
    """Return whether the folder that an earlier version stored was the parent of the run's own."""
    if not stored.startswith("file:"):
        return False
    if _has_objects(folder) or is_in_folder(stored, folder=folder, run_id=run_id):
        return True
    around = path_of_file_url(stored)
    if (around / run_id / "config.json").is_file():  # the run that this one was copied from
        return True
    # If there are no objects anywhere, none can be missing.
    is_around = not around.is_dir() or around.resolve() == folder.resolve().parent
    return is_around and not _has_objects(around / run_id)


def _has_objects(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in _OBJECTS)
