"""The database of a run's labeler, opened read-only, whether its labeler runs or not."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from urllib.parse import quote

from somersault.runs.run import Run

__all__ = ["open_database"]

_BUSY_S = 10.0  # the labeler of a running run may be writing


@contextlib.contextmanager
def open_database(run: Run) -> Iterator[sqlite3.Connection]:
    """Open the database of a run's labeler; a folder without the right to write is read as it lies."""
    place = quote(str(run.labels))
    connection = sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=_BUSY_S)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:
        # A write-ahead log can't be opened where its index can't be made.
        connection.close()
        connection = sqlite3.connect(f"file:{place}?immutable=1", uri=True)
    with contextlib.closing(connection):
        yield connection
