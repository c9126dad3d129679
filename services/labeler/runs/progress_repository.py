"""Learning curves: points added, thinned out, read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.feedback import tally_repository
from services.labeler.model.progress import ProgressPoint, ProgressReport, TrueReturns
from services.labeler.runs import run_repository

__all__ = ["MAX_POINTS", "add", "newest", "read_after"]

MAX_POINTS = 2_000  # a curve on a wide screen has fewer pixels

_POINTS = schema.progress_points
_REPORTED = tuple(field.name for field in dataclasses.fields(ProgressReport))


def add(
    connection: sa.Connection, run_id: str, report: ProgressReport, *, true_returns: TrueReturns | None
) -> int:
    """Add a point to a run's curves, thin them out if they are full, and return the point's number.

    Raises:
        NotFoundError: the run is unknown.
    """
    run = run_repository.lock(connection, run_id)
    newest = sa.select(sa.func.coalesce(sa.func.max(_POINTS.c.number), 0)).where(_POINTS.c.run_id == run_id)
    number = int(connection.execute(newest).scalar_one()) + 1
    now_ms = clock.now_ms(connection)
    connection.execute(
        sa.insert(_POINTS).values(
            run_id=run_id,
            number=number,
            report_ms=now_ms,
            num_answered=run.num_answered,
            num_last_hour=sum(tally_repository.num_last_hour(connection, run_id, now_ms=now_ms).values()),
            true_return_mean=None if true_returns is None else true_returns.mean,
            num_episodes=0 if true_returns is None else true_returns.num_episodes,
            **dataclasses.asdict(report),
        )
    )
    _thin_out(connection, run_id, newest=number)
    return number


def _thin_out(connection: sa.Connection, run_id: str, *, newest: int) -> None:
    """Keep the newest point and those whose number is a multiple of the stride, which doubles when there are too many.

    So points stay evenly spread over the run's reports, however many there were.
    """
    stride = 1
    while newest > stride * MAX_POINTS:
        stride *= 2
    if stride > 1:
        connection.execute(
            sa.delete(_POINTS).where(
                _POINTS.c.run_id == run_id, _POINTS.c.number < newest, _POINTS.c.number % stride != 0
            )
        )


def read_after(connection: sa.Connection, run_id: str, *, cursor: int) -> tuple[list[ProgressPoint], int]:
    """Return a run's points after a number, oldest first, and the database's time in milliseconds.

    Raises:
        NotFoundError: the run is unknown.
    """
    run_repository.read(connection, run_id)
    rows = connection.execute(
        sa.select(_POINTS)
        .where(_POINTS.c.run_id == run_id, _POINTS.c.number > cursor)
        .order_by(_POINTS.c.number)
    )
    return [_point(row) for row in rows], clock.now_ms(connection)


def newest(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, ProgressPoint]:
    """Return the newest point of each run that has one."""
    last = (
        sa.select(_POINTS.c.run_id, sa.func.max(_POINTS.c.number).label("number"))
        .where(_POINTS.c.run_id.in_(run_ids))
        .group_by(_POINTS.c.run_id)
        .subquery("last")
    )
    is_last = (_POINTS.c.run_id == last.c.run_id) & (_POINTS.c.number == last.c.number)
    rows = connection.execute(sa.select(_POINTS).join(last, is_last))
    return {row.run_id: _point(row) for row in rows}


def _point(row: schema.Row) -> ProgressPoint:
    has_returns = row.true_return_mean is not None
    return ProgressPoint(
        number=row.number,
        report_ms=row.report_ms,
        report=ProgressReport(**{name: getattr(row, name) for name in _REPORTED}),
        num_answered=row.num_answered,
        num_last_hour=row.num_last_hour,
        true_returns=(
            TrueReturns(mean=row.true_return_mean, num_episodes=row.num_episodes) if has_returns else None
        ),
    )
