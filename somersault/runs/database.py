"""The database of a run's labeler, opened read-only, whether or not the labeler is running."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from somersault.errors import CorruptDataError
from somersault.runtime.urls import sqlite_uri

__all__ = ["count_labels", "open_database", "read_identities"]

_BUSY_S = 10.0  # the labeler of a running run may be writing

# As the run itself counts: pairs that have an answer, `incomparable` too. Neither tests of labelers nor answers beyond those
# that a pair needed are labels.
_COUNT = "SELECT COUNT(DISTINCT query_number) FROM answers WHERE NOT is_extra AND NOT is_gold"


_IDENTITIES = "SELECT run_id, identity FROM runs"
_NAMES = "SELECT run_id, '' FROM runs"  # in databases of older programs


@contextlib.contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database file of a run's labeler; in a folder that isn't writable it is read as it is."""
    connection = sqlite3.connect(sqlite_uri(path, mode="ro"), uri=True, timeout=_BUSY_S)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:
        # A write-ahead log can't be opened if its index can't be created.
        connection.close()
        connection = sqlite3.connect(sqlite_uri(path, immutable="1"), uri=True)
    with contextlib.closing(connection):
        yield connection


def count_labels(path: Path) -> int | None:
    """Return the number of labels in a database file; None if it doesn't exist or can't be read."""
    if not path.is_file():
        return None
    try:
        with open_database(path) as database:
            return int(database.execute(_COUNT).fetchone()[0])
    except sqlite3.Error:
        return None


def read_identities(path: Path) -> dict[str, str]:
    """Return the runs in a database file, name to identity ("" if unknown); no runs if there is no file.

    Raises:
        CorruptDataError: it can't be read.
    """
    if not path.is_file():
        return {}
    try:
        with open_database(path) as database:
            columns = {row[1] for row in database.execute("PRAGMA table_info(runs)")}
            if not columns:
                return {}
            return dict(database.execute(_IDENTITIES if "identity" in columns else _NAMES).fetchall())
    except sqlite3.Error as error:
        raise CorruptDataError(f"{path} can't be read: {error}") from error
