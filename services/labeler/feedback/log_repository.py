"""The preference log: for each run positions 1, 2, 3, … in commit order, without gaps."""

from __future__ import annotations

import operator
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.labeler.database import bounds, counters, schema
from services.labeler.database.steps import Step
from services.labeler.model.preference_log import LogSlice
from services.labeler.model.queries import QueryState
from services.labeler.oversight import weight_repository
from services.labeler.runs import run_repository
from somersault.domain.feedback import Preference
from somersault.domain.preference_log import RECORD_FIELDS, LogField, PreferenceRecord
from somersault.domain.roles import Role
from somersault.domain.trajectory import StoredSegment
from somersault.errors import LogWentBackError

__all__ = [
    "NewRow",
    "commit_id_at",
    "new_commit_id",
    "read_after",
    "read_slice",
    "record",
    "row_of",
    "steps_to_append",
    "take_position",
]

_LOG = schema.preference_log
_ANSWERS = schema.answers
_QUERIES = schema.queries
_RUNS = schema.runs

_NUM_ROWS = sa.bindparam("num_rows", type_=sa.BigInteger)
_PLAIN_BACK = sa.bindparam("plain_back", type_=sa.BigInteger)

_TAKE_POSITIONS = (
    sa.update(_RUNS)
    .where(_RUNS.c.run_id == sa.bindparam("of_run"))
    .values(
        {
            "newest_cursor": _RUNS.c.newest_cursor + _NUM_ROWS,
            "newest_commit_id": sa.bindparam("of_commit", type_=sa.String),
            "newest_plain_cursor": sa.case(
                (_PLAIN_BACK >= 0, _RUNS.c.newest_cursor + _NUM_ROWS - _PLAIN_BACK),
                else_=_RUNS.c.newest_plain_cursor,
            ),
            **counters.RUN_ADDED,
        }
    )
    .returning(_RUNS.c.newest_cursor)
)


class NewRow(NamedTuple):
    """A row to append, for an answer found by its lease."""

    lease_number: int
    commit_id: str
    is_plain: bool
    """False for gold."""
    version: int
    preference: Preference
    now_ms: int


def row_of(record: PreferenceRecord, *, lease_number: int) -> NewRow:
    """Return the row to append for an answer or a version of it."""
    return NewRow(
        lease_number=lease_number,
        commit_id=record.commit_id,
        is_plain=not record.is_gold,
        version=record.version,
        preference=record.preference,
        now_ms=record.commit_ms,
    )


def _insert() -> sa.Insert:
    """Insert a row at a position of those that were just taken in the run's locked row: so many before the last of them.

    So the weight is the one at this position. Inserts nothing if there is no such answer.
    """
    known = schema.labeler_weights.c
    is_own = (known.run_id == _ANSWERS.c.run_id) & (known.labeler_id == _ANSWERS.c.labeler_id)
    values = {
        "run_id": _RUNS.c.run_id,
        "cursor": _RUNS.c.newest_cursor - sa.bindparam("back", type_=sa.BigInteger),
        "answer_number": _ANSWERS.c.number,
        "version": sa.bindparam("of_version", type_=sa.Integer),
        "preference": sa.bindparam("of_preference", type_=sa.String),
        "commit_ms": sa.bindparam("of_commit_ms", type_=sa.BigInteger),
        "commit_id": sa.bindparam("of_commit", type_=sa.String),
        "weight": sa.func.coalesce(sa.select(known.weight).where(is_own).scalar_subquery(), 1.0),
    }
    rows = (
        sa.select(*(value.label(name) for name, value in values.items()))
        .join_from(_ANSWERS, _RUNS, _RUNS.c.run_id == _ANSWERS.c.run_id)
        .where(_ANSWERS.c.lease_number == sa.bindparam("of_lease"))
    )
    return sa.insert(_LOG).from_select(list(values), rows).returning(_LOG.c.cursor, _LOG.c.weight)


_INSERT = _insert()


def new_commit_id() -> str:
    """Return a name for the commit of a row."""
    return secrets.token_hex(8)


def take_position(connection: sa.Connection, run_id: str, *, commit_id: str, is_plain: bool) -> int:
    """Take the log's next position. The run stays locked until the commit, so positions follow commit order."""
    step = _step_to_take(run_id, [(commit_id, is_plain)], {})
    return int(connection.execute(step.statement, step.values).scalar_one())


def steps_to_append(
    run_id: str, rows: Sequence[NewRow], *, amounts: Mapping[QueryState | Preference, int]
) -> list[Step]:
    """Return the steps that lock the run, add to its counters, and append rows in order.

    Each step but the first one yields the position and the weight of a row.
    """
    steps = [_step_to_take(run_id, [(row.commit_id, row.is_plain) for row in rows], amounts)]
    for back, row in zip(reversed(range(len(rows))), rows, strict=True):
        values: dict[str, object] = {"back": back, "of_lease": row.lease_number, "of_version": row.version}
        values |= {"of_preference": row.preference.value, "of_commit": row.commit_id}
        steps.append(Step(_INSERT, values | {"of_commit_ms": row.now_ms}))
    return steps


def _step_to_take(
    run_id: str, rows: Sequence[tuple[str, bool]], amounts: Mapping[QueryState | Preference, int]
) -> Step:
    """Return the step that takes the next positions, given each row's commit and whether it is plain."""
    plain_back = next((back for back, (_, is_plain) in enumerate(reversed(rows)) if is_plain), -1)
    values = {"of_run": run_id, "of_commit": rows[-1][0], "num_rows": len(rows), "plain_back": plain_back}
    return Step(_TAKE_POSITIONS, {**values, **counters.run_amounts(amounts)})


def read_after(connection: sa.Connection, run_id: str, *, cursor: int, count: int) -> list[PreferenceRecord]:
    """Return the rows after a position, gold included, at most ``count``."""
    rows = connection.execute(_READ_AFTER[True], {"of_run": run_id, "after": cursor, "count": count})
    return [_record(row) for row in rows]


def read_slice(
    connection: sa.Connection, run_id: str, *, cursor: int, commit_id: str = "", count: int, is_complete: bool
) -> LogSlice:
    """Return what follows a position, at most ``count`` rows; gold and weight changes only if ``is_complete``.

    Raises:
        LogWentBackError: the log has no such position any more, or another row there than that of ``commit_id``.
    """
    run = connection.execute(_RUN, {"of_run": run_id}).one()  # read before the rows up to there are
    _check_same(connection, run_id, run, cursor=cursor, commit_id=commit_id)
    values = {"of_run": run_id, "after": cursor, "count": count}
    records = [_record(row) for row in connection.execute(_READ_AFTER[is_complete], values)]
    changes = (
        weight_repository.read_after(connection, run_id, cursor=cursor, count=count) if is_complete else []
    )
    positions = sorted([*(row.cursor for row in records), *(row.cursor for row in changes)])
    is_cut = len(positions) >= count
    end = positions[count - 1] if is_cut else max([run.newest_cursor, *positions])
    named: dict[int, str] = {run.newest_cursor: run.newest_commit_id}
    named |= {row.cursor: row.commit_id for row in records}
    named |= {row.cursor: row.commit_id for row in changes}
    return LogSlice(
        records=[row for row in records if row.cursor <= end],
        weight_changes=[row for row in changes if row.cursor <= end],
        cursor=end,
        commit_id=named[end],
        run_state=None if is_cut else run_repository.state_of(run),
    )


def commit_id_at(connection: sa.Connection, run_id: str, cursor: int) -> str | None:
    """Return the name of the commit that added the row at a position; None if there is none."""
    values = {"of_run": run_id, "of_cursor": cursor}
    for statement in _COMMIT_IDS:
        found: str | None = connection.execute(statement, values).scalar_one_or_none()
        if found is not None:
            return found
    return None


def _check_same(
    connection: sa.Connection, run_id: str, run: schema.Row, *, cursor: int, commit_id: str
) -> None:
    if cursor == 0 or (cursor == run.newest_cursor and commit_id in ("", run.newest_commit_id)):
        return
    if cursor < run.newest_cursor and (
        not commit_id or commit_id_at(connection, run_id, cursor) == commit_id
    ):
        return
    raise LogWentBackError(
        f"the log of run {run_id!r} went back behind position {cursor}, as it does when a backup is restored, and is now"
        f" at {run.newest_cursor}: what followed is lost or other than it was; read it from 0 again"
    )


def record(connection: sa.Connection, answer_row: int, *, version: int) -> PreferenceRecord:
    """Return the row of one version of an answer."""
    row = connection.execute(_READ_VERSION, {"of_answer": answer_row, "of_version": version}).one()
    return _record(row)


def _select_records() -> sa.Select[*tuple[Any, ...]]:
    """Select log rows with their answer, query, labeler and segments, each field under its own name."""
    tables: dict[str, sa.FromClause] = {
        "log": _LOG,
        "answers": _ANSWERS,
        "queries": _QUERIES,
        "labelers": schema.labelers,
    }
    sides: dict[str, sa.FromClause] = {
        side: schema.segments.alias(f"{side}_segment") for side in ("left", "right")
    }
    selected = (
        sa.select(*(each for field in RECORD_FIELDS for each in _selected(field, tables | sides)))
        .join_from(_LOG, _ANSWERS, _ANSWERS.c.number == _LOG.c.answer_number)
        .join(_QUERIES, _QUERIES.c.number == _ANSWERS.c.query_number)
        .join(schema.labelers, schema.labelers.c.labeler_id == _ANSWERS.c.labeler_id)
    )
    for side, segment in sides.items():
        is_shown = segment.c.segment_id == _QUERIES.c[f"{side}_segment_id"]
        selected = selected.join(segment, (segment.c.run_id == _LOG.c.run_id) & is_shown)
    return selected


def _selected(field: LogField, tables: Mapping[str, sa.FromClause]) -> Iterator[sa.Label[Any]]:
    if field.type is StoredSegment:
        for name in StoredSegment.__slots__:
            selected: sa.ColumnElement[Any] = tables[field.column].c[name]
            if name.endswith("_uri"):
                selected = bounds.bounded_key(selected)
            yield selected.label(f"{field.name}_{name}")
    else:
        table, _, name = field.column.partition(".")
        yield tables[table].c[name].label(field.name)


_RUN = sa.select(_RUNS.c.newest_cursor, _RUNS.c.newest_commit_id, _RUNS.c.state, _RUNS.c.is_paused).where(
    _RUNS.c.run_id == sa.bindparam("of_run")
)
_COMMIT_IDS = tuple(
    sa.select(table.c.commit_id).where(
        table.c.run_id == sa.bindparam("of_run"), table.c.cursor == sa.bindparam("of_cursor")
    )
    for table in (_LOG, schema.weight_changes)
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


def _reader(field: LogField) -> Callable[[schema.Row], Any]:
    """Return a function that reads a field from a selected row."""
    if field.type is StoredSegment:
        names = StoredSegment.__slots__
        return lambda row: bounds.segment_within(*(getattr(row, f"{field.name}_{name}") for name in names))
    if field.name == "commit_ms":
        return lambda row: bounds.time_within(row.commit_ms)
    if field.is_gold:
        return lambda row: field.type(getattr(row, field.name)) if row.is_gold else field.default
    if field.type in (Preference, Role):
        return lambda row: field.type(getattr(row, field.name))
    return operator.attrgetter(field.name)


_READERS = {field.name: _reader(field) for field in RECORD_FIELDS}


def _record(row: schema.Row) -> PreferenceRecord:
    return PreferenceRecord(**{name: read(row) for name, read in _READERS.items()})
