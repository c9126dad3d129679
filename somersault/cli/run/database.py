"""Changes a run's labeler database while no labeler runs."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from somersault.errors import CorruptDataError
from somersault.runs.database import open_database, read_identities
from somersault.runtime.urls import sqlite_uri

__all__ = ["copy_database", "store_identity"]

_BUSY_S = 10.0


def store_identity(path: Path, run_id: str, identity: str) -> None:
    """Store a run's identity in its database, if the run is in it; otherwise the services store it.

    Raises:
        CorruptDataError: it can't be read or changed.
    """
    if read_identities(path).get(run_id, "") in ("", identity):
        return
    with _changing(path) as database:
        database.execute("UPDATE runs SET identity = ? WHERE run_id = ?", (identity, run_id))


def copy_database(source: Path, target: Path, run_id: str, *, identity: str) -> None:
    """Copy a database to a new file under another identity, without usable tokens or webhooks.

    Raises:
        CorruptDataError: it can't be read or written.
    """
    try:
        with open_database(source) as database, contextlib.closing(sqlite3.connect(target)) as copy:
            database.backup(copy)
    except sqlite3.Error as error:
        raise CorruptDataError(f"{source} can't be copied: {error}") from error
    with _changing(target) as copy:
        columns = {row[1] for row in copy.execute("PRAGMA table_info(runs)")}
        if "identity" in columns:
            copy.execute("UPDATE runs SET identity = ? WHERE run_id = ?", (identity, run_id))
        tables = {row[0] for row in copy.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "webhooks" in tables:
            copy.execute("DELETE FROM webhooks")
        if "labelers" in tables:
            copy.execute("UPDATE labelers SET token_sha256 = 'none-' || lower(hex(randomblob(16)))")


@contextlib.contextmanager
def _changing(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database file for one transaction."""
    try:
        with contextlib.closing(
            sqlite3.connect(sqlite_uri(path, mode="rw"), uri=True, timeout=_BUSY_S)
        ) as database:
            database.execute("PRAGMA synchronous=FULL")
            with database:
                yield database
    except sqlite3.Error as error:
        raise CorruptDataError(f"{path} can't be changed: {error}") from error
