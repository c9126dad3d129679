"""Results of finished runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.model.run_state import RunResult

__all__ = ["keep", "read", "read_all", "remove"]

_TABLE = schema.run_results


def keep(connection: sa.Connection, run_id: str, result: RunResult) -> None:
    """Store a run's result, replacing an earlier one but for its finish time."""
    known = read(connection, run_id)
    finished_ms = known.finished_ms if known else clock.now_ms(connection)
    remove(connection, run_id)
    row = {"run_id": run_id, **dataclasses.asdict(result), "finished_ms": finished_ms}
    connection.execute(sa.insert(_TABLE), row)


def remove(connection: sa.Connection, run_id: str) -> None:
    """Remove a run's result, if it has one."""
    connection.execute(sa.delete(_TABLE).where(_TABLE.c.run_id == run_id))


def read(connection: sa.Connection, run_id: str) -> RunResult | None:
    """Return a run's result; None before it has finished."""
    return read_all(connection, [run_id]).get(run_id)


def read_all(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, RunResult]:
    """Return the result of each run that has one."""
    rows = connection.execute(sa.select(_TABLE).where(_TABLE.c.run_id.in_(run_ids)))
    return {
        row.run_id: RunResult(**{name: getattr(row, name) for name in RunResult.__slots__}) for row in rows
    }
