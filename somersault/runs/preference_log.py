"""A run's whole preference log, from the database of its labeler, opened read-only: the rows that its labeler exports."""

from __future__ import annotations

import sqlite3
from typing import Any

from somersault.errors import CorruptDataError
from somersault.runs.database import open_database, read_identities
from somersault.runs.ownership import compare_database
from somersault.runs.run import Run
from somersault.wire.preference_rows import COLUMNS, Row

__all__ = ["check_database", "read_log_rows"]

_SIDES = ", ".join(
    f"{side}.{name} AS {side}_{name}"
    for side in ("shown_left", "shown_right")
    for name in ("segment_id", "segment_uri", "sealed_uri", "duration_s")
).replace("AS shown_", "AS ")
_RECORDS = f"""
SELECT log.cursor, log.run_id, answers.labeler_id, log.weight, log.commit_ms AS commit_time_ms,
       labelers.role AS labeler_role, log.preference, queries.query_id, answers.answer_id, log.version, answers.is_extra,
       answers.response_ms, answers.is_gold, answers.position AS answer_number, answers.target_answers,
       answers.guidelines_version, queries.gold_kind, queries.gold_preference, {_SIDES}
FROM preference_log AS log
JOIN answers ON answers.number = log.answer_number
JOIN queries ON queries.number = answers.query_number
JOIN labelers ON labelers.labeler_id = answers.labeler_id
JOIN segments AS shown_left ON shown_left.run_id = log.run_id AND shown_left.segment_id = queries.left_segment_id
JOIN segments AS shown_right ON shown_right.run_id = log.run_id AND shown_right.segment_id = queries.right_segment_id
WHERE log.run_id = ?
"""  # noqa: S608 - of our own names alone
_CHANGES = """
SELECT cursor, run_id, labeler_id, weight, commit_ms AS commit_time_ms, changed_by, reason, change_id
FROM weight_changes WHERE run_id = ?
"""


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
        remedy="put this run's back, or train it with --resume --adopt to go on with what is there",
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
            database.execute("BEGIN")  # both are of one moment
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
    row |= {name: bool(row[name]) for name in ("is_extra", "is_gold")}
    if not row["is_gold"]:
        row |= {"gold_kind": None, "gold_preference": None}
    return row


def _change(values: sqlite3.Row) -> Row:
    return dict.fromkeys(COLUMNS) | {"kind": "weight", **dict(values)}
