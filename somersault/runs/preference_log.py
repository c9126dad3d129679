"""A run's whole preference log, from the database of its labeler, opened read-only: the rows that its labeler exports."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from somersault.domain.preference_log import CHANGE_FIELDS, RECORD_FIELDS, LogField
from somersault.domain.trajectory import StoredSegment
from somersault.errors import CorruptDataError
from somersault.runs.database import open_database, read_identities
from somersault.runs.ownership import compare_database
from somersault.runs.run import Run
from somersault.wire.preference_rows import COLUMNS, Row

__all__ = ["check_database", "read_log_rows"]


def _selected(fields: Sequence[LogField]) -> str:
    """Return what is selected: each field's column under its name in an export."""
    return ", ".join(name for each in fields for name in _names(each))


def _names(each: LogField) -> Iterator[str]:
    if each.type is StoredSegment:
        for name in StoredSegment.__slots__:
            yield f"shown_{each.column}.{name} AS {each.export}_{name}"
    else:
        yield f"{each.column} AS {each.export}"


_RECORDS = f"""
SELECT {_selected(RECORD_FIELDS)}
FROM preference_log AS log
JOIN answers ON answers.number = log.answer_number
JOIN queries ON queries.number = answers.query_number
JOIN labelers ON labelers.labeler_id = answers.labeler_id
JOIN segments AS shown_left ON shown_left.run_id = log.run_id AND shown_left.segment_id = queries.left_segment_id
JOIN segments AS shown_right ON shown_right.run_id = log.run_id AND shown_right.segment_id = queries.right_segment_id
WHERE log.run_id = ?
"""  # noqa: S608 - of our own names alone
_CHANGES = f"SELECT {_selected(CHANGE_FIELDS)} FROM weight_changes AS change WHERE change.run_id = ?"  # noqa: S608
_FLAGS = tuple(each.export for each in RECORD_FIELDS if each.type is bool)
_GOLD = tuple(each.export for each in RECORD_FIELDS if each.is_gold)


def check_database(run: Run) -> None:
    """Check that the database in a run's folder is the run's own.

    Raises:
        FailedPreconditionError: it holds another run, or is gone.
        CorruptDataError: it can't be read.
    """
    if run.settings.is_reference:
        return
    compare_database(
        run.labels,
        read_identities(run.labels),
        run_id=run.settings.run_id,
        identity=run.settings.identity,
        num_labels=int(run.newest_point.get("run/labels", 0)),
        remedy="put this run's back, or train it with --resume --adopt to continue with this one",
    )


def read_log_rows(run: Run) -> list[Row]:
    """Read every answer of a run with all its revisions, gold and extras, and every change of weight, in log order.

    Returns:
        Rows as `somersault.wire.preference_rows` describes them, the same that ``ExportPreferences`` sends.

    Raises:
        CorruptDataError: the database can't be read, or is of an older version.
    """
    if not run.labels.is_file():
        return []
    try:
        with open_database(run.labels) as database:
            database.row_factory = sqlite3.Row
            database.execute("BEGIN")  # so that both are of the same moment
            records = database.execute(_RECORDS, (run.settings.run_id,)).fetchall()
            changes = database.execute(_CHANGES, (run.settings.run_id,)).fetchall()
    except sqlite3.Error as error:
        raise CorruptDataError(
            f"{run.labels} can't be read: {error}; if the run is of an older version, `somersault open` brings it up to"
            " date"
        ) from error
    rows = [*map(_record, records), *map(_change, changes)]
    return sorted(rows, key=lambda row: int(row["cursor"]))


def _record(values: sqlite3.Row) -> Row:
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {"kind": "preference", **dict(values)}
    row |= {name: bool(row[name]) for name in _FLAGS}
    return row if row["is_gold"] else row | dict.fromkeys(_GOLD)


def _change(values: sqlite3.Row) -> Row:
    return dict.fromkeys(COLUMNS) | {"kind": "weight", **dict(values)}
