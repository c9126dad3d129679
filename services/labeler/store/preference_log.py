"""The log of answers: positions 1, 2, 3, … in the order of commits, without gaps, for each run."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from services.labeler.records import PreferenceRecord
from services.labeler.store import schema
from somersault.types import Preference, Role, StoredSegment

__all__ = ["append", "read_after", "record"]

_LOG = schema.preference_log
_ANSWERS = schema.answers
_QUERIES = schema.queries
_RUNS = schema.runs

_COUNT_UP = (
    sa.update(_RUNS)
    .where(_RUNS.c.run_id == sa.bindparam("of_run"))
    .values(newest_cursor=_RUNS.c.newest_cursor + 1)
    .returning(_RUNS.c.newest_cursor)
)
_INSERT = sa.insert(_LOG)


def append(
    connection: sa.Connection,
    run_id: str,
    *,
    answer_number: int,
    version: int,
    preference: Preference,
    now_ms: int,
) -> None:
    """Adds a row. The run stays locked until the commit, so positions rise in the order of commits."""
    cursor = connection.execute(_COUNT_UP, {"of_run": run_id}).scalar_one()
    connection.execute(
        _INSERT,
        {
            "run_id": run_id,
            "cursor": cursor,
            "answer_number": answer_number,
            "version": version,
            "preference": preference.value,
            "commit_ms": now_ms,
        },
    )


def read_after(connection: sa.Connection, run_id: str, *, cursor: int, count: int) -> list[PreferenceRecord]:
    """Gives the rows that follow a position, at most ``count``."""
    rows = connection.execute(_READ_AFTER, {"of_run": run_id, "after": cursor, "count": count})
    return [_record(row) for row in rows]


def record(connection: sa.Connection, answer_number: int, *, version: int) -> PreferenceRecord:
    """Gives the row of one version of an answer."""
    row = connection.execute(_READ_VERSION, {"of_answer": answer_number, "of_version": version}).one()
    return _record(row)


def _select_records() -> sa.Select[*tuple[Any, ...]]:
    """Selects log rows with their answer, query, labeler and segments."""
    labelers = schema.labelers
    selected = (
        sa.select(
            _LOG,
            _ANSWERS.c.answer_id,
            _ANSWERS.c.labeler_id,
            _ANSWERS.c.is_extra,
            _ANSWERS.c.response_ms,
            _QUERIES.c.query_id,
            labelers.c.role,
        )
        .join(_ANSWERS, _ANSWERS.c.number == _LOG.c.answer_number)
        .join(_QUERIES, _QUERIES.c.number == _ANSWERS.c.query_number)
        .join(labelers, labelers.c.labeler_id == _ANSWERS.c.labeler_id)
    )
    for side in ("left", "right"):
        segment = schema.segments.alias(f"{side}_segment")
        shown = _QUERIES.c[f"{side}_segment_id"]
        selected = selected.join(
            segment, (segment.c.run_id == _LOG.c.run_id) & (segment.c.segment_id == shown)
        ).add_columns(
            *(
                segment.c[name].label(f"{side}_{name}")
                for name in ("segment_id", "segment_uri", "sealed_uri", "duration_s")
            )
        )
    return selected


_READ_AFTER = (
    _select_records()
    .where(_LOG.c.run_id == sa.bindparam("of_run"), _LOG.c.cursor > sa.bindparam("after"))
    .order_by(_LOG.c.cursor)
    .limit(sa.bindparam("count", type_=sa.Integer))
)
_READ_VERSION = _select_records().where(
    _LOG.c.answer_number == sa.bindparam("of_answer"), _LOG.c.version == sa.bindparam("of_version")
)


def _record(row: schema.Row) -> PreferenceRecord:
    return PreferenceRecord(
        cursor=row.cursor,
        run_id=row.run_id,
        query_id=row.query_id,
        answer_id=row.answer_id,
        version=row.version,
        preference=Preference(row.preference),
        left=_segment(row, "left"),
        right=_segment(row, "right"),
        labeler_id=row.labeler_id,
        labeler_role=Role(row.role),
        is_extra=row.is_extra,
        commit_ms=row.commit_ms,
        response_ms=row.response_ms,
    )


def _segment(row: schema.Row, side: str) -> StoredSegment:
    return StoredSegment(
        segment_id=getattr(row, f"{side}_segment_id"),
        segment_uri=getattr(row, f"{side}_segment_uri"),
        sealed_uri=getattr(row, f"{side}_sealed_uri"),
        duration_s=getattr(row, f"{side}_duration_s"),
    )
