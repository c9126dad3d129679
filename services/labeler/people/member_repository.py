"""Members of runs: whose token is good for which run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from services.labeler.database import schema

__all__ = ["add", "of_caller", "read", "read_all", "remove", "set_exactly"]

_TABLE = schema.run_members
_LABELERS = schema.labelers
_READ = sa.select(_TABLE.c.run_id).where(_TABLE.c.labeler_id == sa.bindparam("of_labeler"))


def read(connection: sa.Connection, labeler_id: str) -> frozenset[str]:
    """Return the runs whose member a labeler is."""
    return frozenset(connection.execute(_READ, {"of_labeler": labeler_id}).scalars())


def read_all(connection: sa.Connection, labeler_ids: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the runs of each of some labelers that is a member of any."""
    found = connection.execute(sa.select(_TABLE).where(_TABLE.c.labeler_id.in_(labeler_ids)))
    runs: dict[str, set[str]] = {}
    for row in found:
        runs.setdefault(row.labeler_id, set()).add(row.run_id)
    return {labeler_id: frozenset(names) for labeler_id, names in runs.items()}


def add(connection: sa.Connection, labeler_id: str, run_ids: Iterable[str]) -> Sequence[str]:
    """Make a labeler a member of runs; return those whose member it wasn't."""
    fresh = sorted(set(run_ids) - read(connection, labeler_id))
    if fresh:
        connection.execute(
            sa.insert(_TABLE), [{"run_id": run_id, "labeler_id": labeler_id} for run_id in fresh]
        )
    return fresh


def remove(connection: sa.Connection, labeler_id: str, run_id: str) -> bool:
    """End a membership; return whether there was one."""
    is_this = (_TABLE.c.run_id == run_id) & (_TABLE.c.labeler_id == labeler_id)
    return connection.execute(sa.delete(_TABLE).where(is_this)).rowcount > 0


def set_exactly(connection: sa.Connection, labeler_id: str, run_id: str | None) -> None:
    """Make a labeler a member of one run alone, or with None of every run."""
    is_own = _LABELERS.c.labeler_id == labeler_id
    connection.execute(sa.update(_LABELERS).where(is_own).values(is_everywhere=run_id is None))
    connection.execute(
        sa.delete(_TABLE).where(_TABLE.c.labeler_id == labeler_id, _TABLE.c.run_id != (run_id or ""))
    )
    if run_id is not None:
        add(connection, labeler_id, [run_id])


def of_caller(column: sa.ColumnElement[str], runs: frozenset[str] | None) -> sa.ColumnElement[bool]:
    """Return the condition that a column of labelers names a member of one of a caller's runs."""
    if runs is None:
        return sa.true()
    return column.in_(sa.select(_TABLE.c.labeler_id).where(_TABLE.c.run_id.in_(sorted(runs))))
