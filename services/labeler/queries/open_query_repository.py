"""Which queries a labeler may lease.

Statements here and in the other repositories are built once, since building one costs more than running it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.database.steps import Step, named_rows, run
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import Query, QueryState
from services.labeler.model.run_state import RunState
from services.labeler.queries import query_repository
from somersault.domain.roles import Role

__all__ = ["has_any", "read_open", "step_to_choose"]

_LEASES = schema.leases
_MEMBERS = schema.run_members
_QUERIES = schema.queries
_RUNS = schema.runs
_WEIGHTS = schema.labeler_weights
_ALL = 1_000_000  # more answers than any query wants: a labeler that is done with it takes all of them


def step_to_choose(labeler: Labeler, *, run_id: str | None, count: int) -> Step:
    """Return the step that locks up to ``count`` queries which the labeler may lease, oldest first, and yields their numbers.

    Some may no longer be open: a lease committed between the choice and the lock is seen only by another statement,
    `read_open`.
    """
    return Step(_of(labeler, run_id=run_id, count=count), _values(labeler, run_id=run_id))


def read_open(connection: sa.Connection, labeler: Labeler, numbers: Sequence[int]) -> list[Query]:
    """Return which of some queries the labeler may lease, oldest first."""
    reading = _read(labeler.role is Role.TEACHER, labeler.runs is None)
    own = {"labeler_id": labeler.labeler_id}
    found = run(connection, [Step(reading, own | {"number": number}) for number in sorted(numbers)])
    named = named_rows(reading)
    return [query_repository.of_row(named(row)) for rows in found for row in rows]


def has_any(connection: sa.Connection, labeler: Labeler, *, run_id: str | None) -> bool:
    """Return whether there is a query that the labeler may lease."""
    look = _of(labeler, run_id=run_id, count=1, is_locked=False)
    return connection.execute(look, _values(labeler, run_id=run_id)).first() is not None


def _values(labeler: Labeler, *, run_id: str | None) -> dict[str, Any]:
    values: dict[str, Any] = {"labeler_id": labeler.labeler_id}
    return values if run_id is None else values | {"run_id": run_id}


def _of(labeler: Labeler, *, run_id: str | None, count: int, is_locked: bool = True) -> sa.Select[Any]:
    return _choose(
        is_teacher=labeler.role is Role.TEACHER,
        is_everywhere=labeler.runs is None,
        has_run=run_id is not None,
        count=count,
        is_locked=is_locked,
    )


@functools.cache
def _choose(
    *, is_teacher: bool, is_everywhere: bool, has_run: bool, count: int, is_locked: bool
) -> sa.Select[Any]:
    """Select in the order of an index, so that the first few cost the same however many follow."""
    selected = sa.select(_QUERIES.c.number).where(
        *_is_open(is_teacher=is_teacher, is_everywhere=is_everywhere)
    )
    if has_run:
        selected = selected.where(_QUERIES.c.run_id == sa.bindparam("run_id"))
    # The number is part of the statement: a planner that doesn't know it plans for a tenth of all rows.
    selected = selected.order_by(_QUERIES.c.number).limit(sa.literal_column(str(count)))
    if not is_locked:
        return selected
    return selected.with_for_update(skip_locked=True, key_share=True, of=_QUERIES)


def _is_open(*, is_teacher: bool, is_everywhere: bool) -> list[sa.ColumnElement[bool]]:
    """Return the conditions under which a labeler may lease a query.

    Other tables are counted query by query: a planner may turn EXISTS into a join of all rows, of which all but one are
    thrown away.
    """
    is_own = _LEASES.c.labeler_id == sa.bindparam("labeler_id")
    is_ended = sa.or_(_LEASES.c.state == "answered", _LEASES.c.state == "released")
    is_done_with = sa.and_(is_own, is_ended)
    is_live = sa.and_(_LEASES.c.state == "held", _LEASES.c.expire_ms > clock.NOW_MS)
    taken = sa.case((is_done_with, _ALL), (sa.and_(is_own, is_live), _ALL), (is_live, 1), else_=0)
    num_taken = (
        sa.select(sa.func.coalesce(sa.func.sum(taken), 0))
        .where(_LEASES.c.query_number == _QUERIES.c.number)
        .scalar_subquery()
    )
    num_excluding = (
        sa.select(sa.func.count())
        .where(
            _WEIGHTS.c.run_id == _QUERIES.c.run_id,
            _WEIGHTS.c.labeler_id == sa.bindparam("labeler_id"),
            _WEIGHTS.c.weight == 0,
        )
        .scalar_subquery()
    )
    conditions = [
        _QUERIES.c.is_open.is_(True),
        _QUERIES.c.num_answers + num_taken < _QUERIES.c.target_answers,
        num_excluding == 0,
        _QUERIES.c.run_id.not_in(sa.select(_RUNS.c.run_id).where(_is_not_leasing())),
    ]
    if not is_teacher:  # a teacher needs no video
        conditions += [_QUERIES.c.state == QueryState.READY.value, _QUERIES.c.has_clips.is_(True)]
    if not is_everywhere:
        own = sa.select(_MEMBERS.c.run_id).where(_MEMBERS.c.labeler_id == sa.bindparam("labeler_id"))
        conditions.append(_QUERIES.c.run_id.in_(own))
    return conditions


def _is_not_leasing() -> sa.ColumnElement[bool]:
    """Return the condition that a run leases nothing."""
    return sa.or_(_RUNS.c.is_paused.is_(True), _RUNS.c.state == RunState.FINISHED.value)


@functools.cache
def _read(is_teacher: bool, is_everywhere: bool) -> sa.Select[Any]:  # noqa: FBT001
    conditions = _is_open(is_teacher=is_teacher, is_everywhere=is_everywhere)
    return query_repository.SELECT.where(_QUERIES.c.number == sa.bindparam("number"), *conditions)
