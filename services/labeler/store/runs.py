"""Runs: how they ask, and what there is to count in them."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.records import QueryState, Run, RunStats
from services.labeler.store import clock, schema, tallies
from somersault.errors import NotFoundError
from somersault.types import Preference, Role

__all__ = ["create", "exists", "list_newest", "lock", "newest_cursor", "read", "stats", "update"]

_RUNS = schema.runs


def create(connection: sa.Connection, *, run_id: str, task: str, question: str) -> bool:
    """Makes a run known, or changes its task and question; says whether anything changed."""
    known = connection.execute(
        sa.select(_RUNS.c.task, _RUNS.c.question).where(_RUNS.c.run_id == run_id)
    ).one_or_none()
    if known is None:
        row = {"run_id": run_id, "task": task, "question": question, "newest_cursor": 0}
        connection.execute(sa.insert(_RUNS), {**row, "created_ms": clock.now_ms(connection)})
        return True
    if (known.task, known.question) == (task, question):
        return False
    update(connection, run_id, task=task, question=question)
    return True


def update(connection: sa.Connection, run_id: str, **values: object) -> None:
    """Changes columns of a run."""
    connection.execute(sa.update(_RUNS).where(_RUNS.c.run_id == run_id).values(**values))


def read(connection: sa.Connection, run_id: str) -> Run:
    """Gives a run.

    Raises:
        NotFoundError: it is unknown.
    """
    return _run(_row(connection, run_id))


def lock(connection: sa.Connection, run_id: str) -> schema.Row:
    """Gives a run's row, as it is until the transaction ends.

    Raises:
        NotFoundError: it is unknown.
    """
    return _row(connection, run_id, is_locked=True)


def list_newest(connection: sa.Connection, *, before: tuple[int, str] | None, page_size: int) -> list[Run]:
    """Gives runs, newest first, at most ``page_size``; ``before`` is the last page's (created_ms, run_id)."""
    page = sa.select(_RUNS).order_by(_RUNS.c.created_ms.desc(), _RUNS.c.run_id.desc()).limit(page_size)
    if before is not None:
        created_ms, run_id = before
        is_same = (_RUNS.c.created_ms == created_ms) & (_RUNS.c.run_id < run_id)
        page = page.where((_RUNS.c.created_ms < created_ms) | is_same)
    return [_run(row) for row in connection.execute(page)]


def exists(connection: sa.Connection, run_id: str) -> bool:
    """Says whether a run is known."""
    found = sa.select(sa.exists().where(_RUNS.c.run_id == run_id))
    return bool(connection.execute(found).scalar_one())


def newest_cursor(connection: sa.Connection, run_id: str) -> int:
    """Gives the last position in a run's log, gold and changes of weight included.

    Raises:
        NotFoundError: the run is unknown.
    """
    return int(_row(connection, run_id).newest_cursor)


def stats(connection: sa.Connection, run_id: str, *, labeler_id: str) -> RunStats:
    """Gives a run's counts, at a cost that grows with the leases of the moment alone.

    Raises:
        NotFoundError: the run is unknown.
    """
    run = _row(connection, run_id)
    now_ms = clock.now_ms(connection)
    leased = _count_leased(connection, run_id, now_ms=now_ms)
    by_role = tallies.num_last_hour(connection, run_id, now_ms=now_ms)
    oldest_ms = _oldest_ready_ms(connection, run_id)
    return RunStats(
        num_rendering=run.num_rendering - leased.get(QueryState.RENDERING, 0),
        num_ready=run.num_ready - leased.get(QueryState.READY, 0),
        num_leased=sum(leased.values()),
        num_answered=run.num_answered,
        num_by_preference={kind: getattr(run, f"num_{kind.value}") for kind in Preference},
        num_last_hour=sum(by_role.values()),
        num_own=_count_own(connection, run_id, labeler_id),
        question=run.question,
        newest_cursor=run.newest_plain_cursor,
        newest_log_cursor=run.newest_cursor,
        oldest_ready_age_s=0.0 if oldest_ms is None else max(0, now_ms - oldest_ms) / 1000,
        num_last_hour_by_labelers=by_role.get(Role.LABELER, 0),
        num_last_hour_by_teachers=by_role.get(Role.TEACHER, 0),
        guidelines_version=run.guidelines_version,
        is_paused=run.is_paused,
    )


def _row(connection: sa.Connection, run_id: str, *, is_locked: bool = False) -> schema.Row:
    found = sa.select(_RUNS).where(_RUNS.c.run_id == run_id)
    row = connection.execute(found.with_for_update() if is_locked else found).one_or_none()
    if row is None:
        raise NotFoundError(f"run {run_id!r} is unknown to the labeler; CreateRun makes it known")
    return row


def _run(row: schema.Row) -> Run:
    return Run(**{field: getattr(row, field) for field in Run.__slots__})


def _count_leased(connection: sa.Connection, run_id: str, *, now_ms: int) -> dict[QueryState, int]:
    """Counts unanswered queries that somebody has now, by state."""
    queries, leases = schema.queries, schema.leases.c
    rows = connection.execute(
        sa.select(queries.c.state, sa.func.count(sa.distinct(queries.c.number)).label("num"))
        .join(schema.leases, leases.query_number == queries.c.number)
        .where(
            leases.state == "held",
            leases.expire_ms > now_ms,
            queries.c.run_id == run_id,
            queries.c.state != QueryState.ANSWERED.value,
        )
        .group_by(queries.c.state)
    )
    return {QueryState(row.state): row.num for row in rows}


def _oldest_ready_ms(connection: sa.Connection, run_id: str) -> int | None:
    """Gives when the oldest query was proposed that may be leased; those of one state are in order."""
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
