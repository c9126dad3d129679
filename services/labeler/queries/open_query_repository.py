"""Which queries a labeler may lease.

Statements here and in the other repositories are built once, since building one costs more than running it.
"""

from __future__ import annotations

import functools
from typing import Any

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import QueryState
from services.labeler.model.run_state import RunState
from somersault.domain.roles import Role

__all__ = ["choosing", "has_any"]

_LEASES = schema.leases
_MEMBERS = schema.run_members
_QUERIES = schema.queries
_RUNS = schema.runs
_WEIGHTS = schema.labeler_weights
_ALL = 1_000_000  # more answers than any query wants: a labeler that is done with it takes all of them


def choosing(labeler: Labeler, *, has_run: bool) -> sa.Select[Any]:
    """Return the statement that locks queries which a labeler may lease, oldest first, and yields their numbers.

    Its parameters are ``labeler_id`` and, with a run, ``run_id``. Queries that others lock are left out. A lease committed between
    the choice and the lock isn't seen.
    """
    return _choose(
        is_teacher=labeler.role is Role.TEACHER,
        is_everywhere=labeler.runs is None,
        has_run=has_run,
        is_locked=True,
    )


def has_any(connection: sa.Connection, labeler: Labeler, *, run_id: str | None) -> bool:
    """Return whether there is a query that the labeler may lease."""
    look = _choose(
        is_teacher=labeler.role is Role.TEACHER,
        is_everywhere=labeler.runs is None,
        has_run=run_id is not None,
        is_locked=False,
    )
    values = {"labeler_id": labeler.labeler_id} | ({} if run_id is None else {"run_id": run_id})
    # The number is part of the statement: a planner that doesn't know it plans for a tenth of all rows.
    return connection.execute(look.limit(sa.literal_column("1")), values).first() is not None


@functools.cache
def _choose(*, is_teacher: bool, is_everywhere: bool, has_run: bool, is_locked: bool) -> sa.Select[Any]:
    """Select in the order of an index, so that the first few cost the same however many follow."""
    selected = sa.select(_QUERIES.c.number).where(
        *_is_open(is_teacher=is_teacher, is_everywhere=is_everywhere)
    )
    if has_run:
        selected = selected.where(_QUERIES.c.run_id == sa.bindparam("run_id"))
    selected = selected.order_by(_QUERIES.c.number)
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
