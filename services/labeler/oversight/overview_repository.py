"""What gauges show of the newest runs, at a cost that doesn't grow with them; and leases that expired."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.feedback import tally_repository
from services.labeler.model.runs import Run, RunStats
from services.labeler.runs import run_repository, stats_repository

__all__ = ["RunOverview", "close_expired", "has_expired", "read"]

_GRACE_MS = 5_000  # a renewal in flight is done by then
_MAX_CLOSED = 1_000
_LEASES = schema.leases
_COUNTS = schema.labeler_counts

_GOLD = sa.select(
    sa.func.sum(_COUNTS.c.num_unanimous).label("num"),
    sa.func.sum(_COUNTS.c.num_unanimous_right).label("num_right"),
).where(_COUNTS.c.run_id == sa.bindparam("of_run"))
_EXPIRED = (
    sa.select(_LEASES.c.number)
    .where(_LEASES.c.state == "held", _LEASES.c.expire_ms <= sa.bindparam("before_ms"))
    .order_by(_LEASES.c.expire_ms)
    .limit(_MAX_CLOSED)
)
_CLOSE = (
    sa.update(_LEASES)
    .where(_LEASES.c.number.in_(_EXPIRED.with_for_update(skip_locked=True)))
    .values(state="expired")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOverview:
    """What gauges show of a run."""

    run: Run
    stats: RunStats
    agreement: float | None
    """Share of pairs of answers to one query that are the same; None without pairs."""
    gold_accuracy: float | None
    """Share of unanimous gold answered as others did; None without any."""


def read(connection: sa.Connection, *, num_runs: int) -> list[RunOverview]:
    """Return the newest runs."""
    return [
        _read(connection, run)
        for run in run_repository.list_newest(connection, runs=None, before=None, page_size=num_runs)
    ]


def has_expired(connection: sa.Connection) -> bool:
    """Return whether a lease expired that isn't closed yet."""
    values = {"before_ms": clock.now_ms(connection) - _GRACE_MS}
    return connection.execute(_EXPIRED.limit(1), values).first() is not None


def close_expired(connection: sa.Connection) -> int:
    """Close expired leases; return their number. Each is counted once, however many replicas there are.

    A late answer is accepted under a closed lease too.
    """
    values = {"before_ms": clock.now_ms(connection) - _GRACE_MS}
    return int(connection.execute(_CLOSE, values).rowcount)


def _read(connection: sa.Connection, run: Run) -> RunOverview:
    gold = connection.execute(_GOLD, {"of_run": run.run_id}).one()
    return RunOverview(
        run=run,
        stats=stats_repository.read(connection, run.run_id, labeler_id=""),
        agreement=tally_repository.agreement(connection, run.run_id).pairwise,
        gold_accuracy=float(gold.num_right / gold.num) if gold.num else None,
    )
