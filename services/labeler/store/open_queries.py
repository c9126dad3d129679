"""Which queries a labeler may lease.

The statements here and in the modules beside it are built once: building one costs more than running it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.labeler.records import Labeler, QueryState
from services.labeler.store import clock, schema
from somersault.types import Role

__all__ = ["choose", "has_any"]

_LEASES = schema.leases
_QUERIES = schema.queries
_RUNS = schema.runs
_WEIGHTS = schema.labeler_weights
_ALL = 1_000_000  # more than any query wants: who was done with it has all of it


def choose(
    connection: sa.Connection, labeler: Labeler, *, run_id: str | None, now_ms: int, count: int
) -> Sequence[int]:
    """Gives up to ``count`` queries that the labeler may lease, oldest first, locked."""
    values = _values(labeler, run_id=run_id, now_ms=now_ms)
    key = (labeler.role is Role.TEACHER, run_id is not None)
    while numbers := connection.execute(_CHOOSE[key], values | {"count": count}).scalars().all():
        if connection.dialect.name == "sqlite":
            return numbers
        # A lease that was committed between the choice and its lock is seen only by a new statement.
        again = _OPEN[key].where(_QUERIES.c.number.in_(numbers))
        if kept := connection.execute(again, values).scalars().all():
            return kept
    return []


def has_any(connection: sa.Connection, labeler: Labeler, *, run_id: str | None) -> bool:
    """Says whether there is a query that the labeler may lease."""
    values = _values(labeler, run_id=run_id, now_ms=clock.now_ms(connection))
    key = (labeler.role is Role.TEACHER, run_id is not None)
    return connection.execute(_LOOK[key], values).first() is not None


def _values(labeler: Labeler, *, run_id: str | None, now_ms: int) -> dict[str, Any]:
    values: dict[str, Any] = {"labeler_id": labeler.labeler_id, "now_ms": now_ms}
    return values if run_id is None else values | {"run_id": run_id}


def _select_open(*, is_teacher: bool, has_run: bool) -> sa.Select[int]:
    """Selects in an order that an index gives, so that the first few cost the same however many follow.

    What other tables say of a query is asked as a number, query by query: a planner may turn EXISTS into a join of
    all rows, of which all but one are thrown away.
    """
    is_own = _LEASES.c.labeler_id == sa.bindparam("labeler_id")
    is_done_with = sa.and_(is_own, _LEASES.c.state.in_(["answered", "released"]))
    is_live = sa.and_(_LEASES.c.state == "held", _LEASES.c.expire_ms > sa.bindparam("now_ms"))
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
    chosen = sa.select(_QUERIES.c.number).where(
        _QUERIES.c.is_open.is_(True),
        _QUERIES.c.num_answers + num_taken < _QUERIES.c.target_answers,
        num_excluding == 0,
        _QUERIES.c.run_id.not_in(sa.select(_RUNS.c.run_id).where(_RUNS.c.is_paused.is_(True))),
    )
    if not is_teacher:  # who needs no video
        chosen = chosen.where(_QUERIES.c.state == QueryState.READY.value, _QUERIES.c.has_clips.is_(True))
    if has_run:
        chosen = chosen.where(_QUERIES.c.run_id == sa.bindparam("run_id"))
    return chosen.order_by(_QUERIES.c.number)


_OPEN = {
    (is_teacher, has_run): _select_open(is_teacher=is_teacher, has_run=has_run)
    for is_teacher in (False, True)
    for has_run in (False, True)
}
_CHOOSE = {
    # The number itself in the statement: a planner that does not know it plans for a tenth of all rows.
    key: selected.limit(sa.bindparam("count", type_=sa.Integer, literal_execute=True)).with_for_update(
        skip_locked=True, of=_QUERIES
    )
    for key, selected in _OPEN.items()
}
_LOOK = {
    key: selected.limit(sa.bindparam("count", 1, type_=sa.Integer, literal_execute=True))
    for key, selected in _OPEN.items()
}
