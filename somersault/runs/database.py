"""The database of a run's labeler, opened read-only, whether its labeler runs or not."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from somersault.errors import CorruptDataError
from somersault.runtime.urls import sqlite_uri

__all__ = ["count_labels", "open_database", "read_identities"]

_BUSY_S = 10.0  # the labeler of a running run may be writing

# As the run itself counts: pairs that somebody answered, `incomparable` too; tests of the labeler and answers beyond
# those that a pair wanted are none of its labels.
_COUNT = "SELECT COUNT(DISTINCT query_number) FROM answers WHERE NOT is_extra AND NOT is_gold"


_IDENTITIES = "SELECT run_id, identity FROM runs"
_NAMES = "SELECT run_id, '' FROM runs"  # of an older program


@contextlib.contextmanager
def open_database(path: Path) -> Iterator[sqlite3.Connection]:
    """Open the database file of a run's labeler; a folder without the right to write is read as it lies."""
    connection = sqlite3.connect(sqlite_uri(path, mode="ro"), uri=True, timeout=_BUSY_S)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:
        # A write-ahead log can't be opened where its index can't be made.
        connection.close()
        connection = sqlite3.connect(sqlite_uri(path, immutable="1"), uri=True)
    with contextlib.closing(connection):
        yield connection


def count_labels(path: Path) -> int | None:
    """Return how many labels a database file holds; None if there is none, or it can't be read."""
    if not path.is_file():
        return None
    try:
        with open_database(path) as database:
            return int(database.execute(_COUNT).fetchone()[0])
    except sqlite3.Error:
        return None


def read_identities(path: Path) -> dict[str, str]:
    """Return the runs in a database file, name to identity, empty where none is known; no run where there is no file.

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
