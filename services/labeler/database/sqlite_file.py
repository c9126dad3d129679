"""A SQLite database as a file: made whole, and recognised where it has been cut off."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import sqlalchemy as sa

from somersault.errors import ConfigError

__all__ = ["check_or_create", "sqlite_path", "truncate_wal"]

_HEADER_BYTES = 100  # https://www.sqlite.org/fileformat.html#the_database_header
_MAGIC = b"SQLite format 3\x00"
_LARGEST_PAGE = 65_536  # is written as 1
_REMEDY = "restore a backup; to begin without any answers, move it away"


def check_or_create(path: Path) -> None:
    """Make the file of a new database, or check that a known one is whole.

    A new one gets its name only when it has a header. So a file without one isn't a beginning but what was left of answers, and is
    never taken for an empty database.

    Raises:
        ConfigError: The file was cut off.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        _create(path)
        return
    except OSError:
        return  # opening it says why
    if size == 0:
        raise ConfigError(f"database {path} has 0 bytes, and no database has: it was cut off; {_REMEDY}")
    expected = _expected_bytes(path)
    if size < expected:
        raise ConfigError(
            f"database {path} has {size} bytes and should have {expected}: it was cut off; {_REMEDY}"
        )


def _create(path: Path) -> None:
    new = path.with_name(f"{path.name}.new")
    with contextlib.suppress(OSError, sqlite3.Error):  # opening it says why
        new.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(new)) as database:
            database.execute("PRAGMA journal_mode=WAL")  # writes and syncs the header
        os.link(new, path)  # unlike a renaming, never over another replica's
        new.unlink()


def _expected_bytes(path: Path) -> int:
    """Return how long a file says it is; 0 if it can't be told, or a write-ahead log may hold the rest."""
    log = path.with_name(f"{path.name}-wal")
    with contextlib.suppress(OSError):
        if log.exists() and log.stat().st_size:
            return 0
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
        if header.startswith(_MAGIC):
            page = int.from_bytes(header[16:18])
            return int.from_bytes(header[28:32]) * (_LARGEST_PAGE if page == 1 else page)
    return 0


def sqlite_path(url: str) -> Path | None:
    """Return the file of the database at a URL; None if that is a server's."""
    parsed = sa.make_url(url)
    return Path(parsed.database) if parsed.get_backend_name() == "sqlite" and parsed.database else None


def truncate_wal(path: Path) -> None:
    """Move what was committed into the database's file, so that pages as they were before are nowhere any more."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
