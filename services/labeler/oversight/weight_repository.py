"""Labelers' weights in a run: 1 unless an owner set another."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.database import bounds, schema
from somersault.domain.preference_log import WeightChange

__all__ = ["add", "newest", "read", "read_after", "read_all"]

_CHANGES = schema.weight_changes
_WEIGHTS = schema.labeler_weights

_READ = sa.select(_WEIGHTS.c.weight).where(
    _WEIGHTS.c.run_id == sa.bindparam("of_run"), _WEIGHTS.c.labeler_id == sa.bindparam("of_labeler")
)
_READ_AFTER = (
    sa.select(_CHANGES)
    .where(_CHANGES.c.run_id == sa.bindparam("of_run"), _CHANGES.c.cursor > sa.bindparam("after"))
    .order_by(_CHANGES.c.cursor)
    .limit(sa.bindparam("count", type_=sa.Integer))
)


def read(connection: sa.Connection, run_id: str, labeler_id: str) -> float:
    """Return a labeler's weight."""
    found = connection.execute(_READ, {"of_run": run_id, "of_labeler": labeler_id}).scalar_one_or_none()
    return 1.0 if found is None else float(found)


def read_all(connection: sa.Connection, run_id: str) -> dict[str, float]:
    """Return all weights that were ever changed, by labeler."""
    rows = connection.execute(sa.select(_WEIGHTS).where(_WEIGHTS.c.run_id == run_id))
    return {row.labeler_id: float(row.weight) for row in rows}


def read_after(connection: sa.Connection, run_id: str, *, cursor: int, count: int) -> list[WeightChange]:
    """Return the changes after a position of the log, at most ``count``."""
    values = {"of_run": run_id, "after": cursor, "count": count}
    return [_change(row) for row in connection.execute(_READ_AFTER, values)]


def newest(connection: sa.Connection, run_id: str, labeler_id: str) -> WeightChange | None:
    """Return a labeler's newest change."""
    row = connection.execute(
        sa.select(_CHANGES)
        .join(_WEIGHTS, (_WEIGHTS.c.run_id == _CHANGES.c.run_id) & (_WEIGHTS.c.cursor == _CHANGES.c.cursor))
        .where(_WEIGHTS.c.run_id == run_id, _WEIGHTS.c.labeler_id == labeler_id)
    ).one_or_none()
    return None if row is None else _change(row)


def add(connection: sa.Connection, change: WeightChange) -> None:
    """Store a change at its position in the log; the run is locked."""
    row = {field: getattr(change, field) for field in WeightChange.__slots__}
    connection.execute(sa.insert(_CHANGES), row)
    key = (_WEIGHTS.c.run_id == change.run_id) & (_WEIGHTS.c.labeler_id == change.labeler_id)
    values: dict[str, object] = {"weight": change.weight, "cursor": change.cursor}
    if connection.execute(sa.update(_WEIGHTS).where(key).values(values)).rowcount == 0:
        values |= {"run_id": change.run_id, "labeler_id": change.labeler_id}
        connection.execute(sa.insert(_WEIGHTS), values)


def _change(row: schema.Row) -> WeightChange:
    values = {field: getattr(row, field) for field in WeightChange.__slots__}
    return WeightChange(**values | {"commit_ms": bounds.time_within(row.commit_ms)})
