"""A run's counts."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.feedback import tally_repository
from services.labeler.model.progress import ProgressPoint
from services.labeler.model.queries import QueryState
from services.labeler.model.run_state import RunState
from services.labeler.model.runs import RunStats
from services.labeler.runs import (
    progress_repository,
    result_repository,
    run_repository,
)
from somersault.domain.feedback import Preference
from somersault.domain.roles import Role

__all__ = ["read"]


def read(connection: sa.Connection, run_id: str, *, labeler_id: str) -> RunStats:
    """Return a run's counts, at a cost that grows only with its live leases.

    Raises:
        NotFoundError: the run is unknown.
    """
    row = run_repository.read_row(connection, run_id)
    run = run_repository.of_row(row)
    now_ms = clock.now_ms(connection)
    leased = _count_leased(connection, run_id, now_ms=now_ms)
    by_role = tally_repository.num_last_hour(connection, run_id, now_ms=now_ms)
    oldest_ms = _oldest_ready_ms(connection, run_id)
    point = progress_repository.newest(connection, [run_id]).get(run_id)
    return RunStats(
        num_rendering=row.num_rendering - leased.get(QueryState.RENDERING, 0),
        num_ready=row.num_ready - leased.get(QueryState.READY, 0),
        num_leased=sum(leased.values()),
        num_answered=run.num_answered,
        num_by_preference={kind: getattr(row, f"num_{kind.value}") for kind in Preference},
        num_last_hour=sum(by_role.values()),
        num_own=_count_own(connection, run_id, labeler_id),
        question=run.question,
        newest_cursor=row.newest_plain_cursor,
        newest_log_cursor=run.newest_cursor,
        oldest_ready_age_s=0.0 if oldest_ms is None else max(0, now_ms - oldest_ms) / 1000,
        num_last_hour_by_labelers=by_role.get(Role.LABELER, 0),
        num_last_hour_by_teachers=by_role.get(Role.TEACHER, 0),
        guidelines_version=run.guidelines_version,
        is_paused=run.is_paused,
        run_state=run.state,
        label_budget=run.label_budget or (point.report.label_budget if point else 0),
        num_awaited=0 if run.state is RunState.FINISHED else _num_awaited(point, run.num_answered),
        result=result_repository.read(connection, run_id),
        task=run.task,
    )


def _num_awaited(point: ProgressPoint | None, num_answered: int) -> int:
    """Return how many answers the learner waits for: the number reported, less those received since."""
    if point is None:
        return 0
    return max(0, point.report.num_awaited - (num_answered - point.num_answered))


def _count_leased(connection: sa.Connection, run_id: str, *, now_ms: int) -> dict[QueryState, int]:
    """Return how many queries are leased now, by state, except those that have been withdrawn or answered."""
    queries, leases = schema.queries, schema.leases.c
    rows = connection.execute(
        sa.select(queries.c.state, sa.func.count(sa.distinct(queries.c.number)).label("num"))
        .join(schema.leases, leases.query_number == queries.c.number)
        .where(
            leases.state == "held",
            leases.expire_ms > now_ms,
            queries.c.run_id == run_id,
            queries.c.state.in_([QueryState.RENDERING.value, QueryState.READY.value]),
        )
        .group_by(queries.c.state)
    )
    return {QueryState(row.state): row.num for row in rows}


def _oldest_ready_ms(connection: sa.Connection, run_id: str) -> int | None:
    """Return when the oldest query that may be leased was proposed; queries of one state are in order."""
    table = schema.queries.c
    oldest = (
        sa.select(table.proposed_ms)
        .where(table.run_id == run_id, table.state == QueryState.READY.value)
        .order_by(table.number)
        .limit(1)
    )
    return connection.execute(oldest).scalar_one_or_none()


def _count_own(connection: sa.Connection, run_id: str, labeler_id: str) -> int:
    table = schema.labeler_counts.c
    row = connection.execute(
        sa.select(schema.labeler_counts).where(table.run_id == run_id, table.labeler_id == labeler_id)
    ).one_or_none()
    return 0 if row is None else sum(getattr(row, f"num_{kind.value}") for kind in Preference)
