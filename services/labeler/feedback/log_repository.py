"""The log of answers: positions 1, 2, 3, … in the order of commits, without gaps, for each run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from services.labeler.database import counters, schema
from services.labeler.database.steps import Step
from services.labeler.model.preference_log import LogPage, PreferenceRecord
from services.labeler.model.queries import QueryState
from services.labeler.oversight import weight_repository
from services.labeler.runs import run_repository
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment

__all__ = ["appending", "count_up", "read_after", "read_page", "record"]

_LOG = schema.preference_log
_ANSWERS = schema.answers
_QUERIES = schema.queries
_RUNS = schema.runs

_COUNT_UP = (
    sa.update(_RUNS)
    .where(_RUNS.c.run_id == sa.bindparam("of_run"))
    .values(
        {
            "newest_cursor": _RUNS.c.newest_cursor + 1,
            "newest_plain_cursor": sa.case(
                (sa.bindparam("is_plain", type_=sa.Boolean).is_(True), _RUNS.c.newest_cursor + 1),
                else_=_RUNS.c.newest_plain_cursor,
            ),
            **counters.RUN_ADDED,
        }
    )
    .returning(_RUNS.c.newest_cursor)
)


def _insert() -> sa.Insert:
    """Adds a row at the position to which the run's row, held by then, was just counted up.

    The weight is that of this position, therefore. Adds nothing if there is no such answer.
    """
    known = schema.labeler_weights.c
    is_own = (known.run_id == _ANSWERS.c.run_id) & (known.labeler_id == _ANSWERS.c.labeler_id)
    values = {
        "run_id": _RUNS.c.run_id,
        "cursor": _RUNS.c.newest_cursor,
        "answer_number": _ANSWERS.c.number,
        "version": sa.bindparam("of_version", type_=sa.Integer),
        "preference": sa.bindparam("of_preference", type_=sa.String),
        "commit_ms": sa.bindparam("of_commit_ms", type_=sa.BigInteger),
        "weight": sa.func.coalesce(sa.select(known.weight).where(is_own).scalar_subquery(), 1.0),
    }
    rows = (
        sa.select(*(value.label(name) for name, value in values.items()))
        .join_from(_ANSWERS, _RUNS, _RUNS.c.run_id == _ANSWERS.c.run_id)
        .where(_ANSWERS.c.lease_number == sa.bindparam("of_lease"))
    )
    return sa.insert(_LOG).from_select(list(values), rows).returning(_LOG.c.cursor, _LOG.c.weight)


_INSERT = _insert()


def count_up(connection: sa.Connection, run_id: str, *, is_plain: bool) -> int:
    """Gives the log's next position. The run stays locked until the commit, so positions rise in commit order."""
    values = {"of_run": run_id, "is_plain": is_plain, **counters.run_amounts({})}
    return int(connection.execute(_COUNT_UP, values).scalar_one())


def appending(
    run_id: str,
    *,
    lease_number: int,
    is_plain: bool,
    version: int,
    preference: Preference,
    now_ms: int,
    amounts: Mapping[QueryState | Preference, int],
) -> list[Step]:
    """Gives what adds a row about an answer, found by its lease, and to the run's counters, and holds the run's row.

    The last step gives a row of position and weight. ``is_plain`` says that the answer is no gold.
    """
    counted = {"of_run": run_id, "is_plain": is_plain, **counters.run_amounts(amounts)}
    row = {"of_lease": lease_number, "of_version": version, "of_preference": preference.value}
    return [Step(_COUNT_UP, counted), Step(_INSERT, row | {"of_commit_ms": now_ms})]


def read_after(connection: sa.Connection, run_id: str, *, cursor: int, count: int) -> list[PreferenceRecord]:
    """Gives the rows that follow a position, gold too, at most ``count``."""
    rows = connection.execute(_READ_AFTER[True], {"of_run": run_id, "after": cursor, "count": count})
    return [_record(row) for row in rows]


def read_page(
    connection: sa.Connection, run_id: str, *, cursor: int, count: int, is_complete: bool
) -> LogPage:
    """Gives at most ``count`` of what follows a position; gold and changes of weight only if it shall be complete."""
    run = connection.execute(_RUN, {"of_run": run_id}).one()  # before the rows up to there are read
    values = {"of_run": run_id, "after": cursor, "count": count}
    records = [_record(row) for row in connection.execute(_READ_AFTER[is_complete], values)]
    changes = (
        weight_repository.read_after(connection, run_id, cursor=cursor, count=count) if is_complete else []
    )
    positions = sorted([*(row.cursor for row in records), *(row.cursor for row in changes)])
    is_cut = len(positions) >= count
    end = positions[count - 1] if is_cut else max([run.newest_cursor, *positions])
    return LogPage(
        records=[row for row in records if row.cursor <= end],
        weight_changes=[row for row in changes if row.cursor <= end],
        cursor=end,
        run_state=None if is_cut else run_repository.state_of(run),
    )


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
            _ANSWERS.c.is_gold,
            _ANSWERS.c.position,
            _ANSWERS.c.target_answers,
            _ANSWERS.c.guidelines_version,
            _QUERIES.c.query_id,
            _QUERIES.c.gold_kind,
            _QUERIES.c.gold_preference,
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


_RUN = sa.select(_RUNS.c.newest_cursor, _RUNS.c.state, _RUNS.c.is_paused).where(
    _RUNS.c.run_id == sa.bindparam("of_run")
)
_READ_AFTER = {
    has_gold: _select_records()
    .where(
        _LOG.c.run_id == sa.bindparam("of_run"),
        _LOG.c.cursor > sa.bindparam("after"),
        sa.true() if has_gold else _ANSWERS.c.is_gold.is_(False),
    )
    .order_by(_LOG.c.cursor)
    .limit(sa.bindparam("count", type_=sa.Integer))
    for has_gold in (False, True)
}
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
        weight=row.weight,
        is_gold=row.is_gold,
        gold_kind=row.gold_kind,
        gold_preference=Preference(row.gold_preference) if row.gold_kind else None,
        answer_number=row.position,
        target_answers=row.target_answers,
        guidelines_version=row.guidelines_version,
    )


def _segment(row: schema.Row, side: str) -> StoredSegment:
    return StoredSegment(
        segment_id=getattr(row, f"{side}_segment_id"),
        segment_uri=getattr(row, f"{side}_segment_uri"),
        sealed_uri=getattr(row, f"{side}_sealed_uri"),
        duration_s=getattr(row, f"{side}_duration_s"),
    )
