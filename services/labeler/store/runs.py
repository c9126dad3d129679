"""Runs and what there is to count in them."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.records import QueryState, RunStats
from services.labeler.store import clock, schema
from somersault.errors import NotFoundError
from somersault.types import Preference

__all__ = ["create", "exists", "newest_cursor", "stats"]

_HOUR_MS = 3_600_000


def create(connection: sa.Connection, *, run_id: str, task: str, question: str) -> None:
    """Makes a run known, or changes its task and question."""
    table = schema.runs
    known = connection.execute(
        sa.update(table).where(table.c.run_id == run_id).values(task=task, question=question)
    )
    if known.rowcount == 0:
        connection.execute(
            sa.insert(table).values(
                run_id=run_id,
                task=task,
                question=question,
                newest_cursor=0,
                created_ms=clock.now_ms(connection),
            )
        )


def exists(connection: sa.Connection, run_id: str) -> bool:
    """Says whether a run is known."""
    found = sa.select(sa.exists().where(schema.runs.c.run_id == run_id))
    return bool(connection.execute(found).scalar_one())


def newest_cursor(connection: sa.Connection, run_id: str) -> int:
    """Gives the last position in a run's log.

    Raises:
        NotFoundError: the run is unknown.
    """
    return int(_row(connection, run_id).newest_cursor)


def stats(connection: sa.Connection, run_id: str, *, labeler_id: str) -> RunStats:
    """Counts a run's queries and answers.

    Raises:
        NotFoundError: the run is unknown.
    """
    run = _row(connection, run_id)
    now_ms = clock.now_ms(connection)
    waiting = _count_waiting(connection, run_id, now_ms=now_ms)
    answers = schema.answers.c
    in_run = answers.run_id == run_id
    return RunStats(
        num_rendering=waiting.get((QueryState.RENDERING, False), 0),
        num_ready=waiting.get((QueryState.READY, False), 0),
        num_leased=sum(count for (_, is_leased), count in waiting.items() if is_leased),
        num_answered=_count(
            connection,
            schema.queries.c.run_id == run_id,
            schema.queries.c.state == QueryState.ANSWERED,
        ),
        num_by_preference=_count_preferences(connection, run_id),
        num_last_hour=_count(connection, in_run, answers.answered_ms > now_ms - _HOUR_MS),
        num_own=_count(connection, in_run, answers.labeler_id == labeler_id),
        question=run.question,
        newest_cursor=run.newest_cursor,
    )


def _row(connection: sa.Connection, run_id: str) -> schema.Row:
    row = connection.execute(sa.select(schema.runs).where(schema.runs.c.run_id == run_id)).one_or_none()
    if row is None:
        raise NotFoundError(f"run {run_id!r} is unknown to the labeler; CreateRun makes it known")
    return row


def _count(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).where(*conditions)).scalar_one())


def _count_waiting(
    connection: sa.Connection, run_id: str, *, now_ms: int
) -> dict[tuple[QueryState, bool], int]:
    """Counts unanswered queries by state and whether somebody has them now."""
    queries, leases = schema.queries.c, schema.leases.c
    is_leased = (
        sa.exists()
        .where(
            leases.query_number == queries.number,
            leases.state == "held",
            leases.expire_ms > now_ms,
        )
        .label("is_leased")
    )
    rows = connection.execute(
        sa.select(queries.state, is_leased, sa.func.count().label("num"))
        .where(queries.run_id == run_id, queries.state != QueryState.ANSWERED.value)
        .group_by(queries.state, is_leased)
    )
    return {(QueryState(row.state), bool(row.is_leased)): row.num for row in rows}


def _count_preferences(connection: sa.Connection, run_id: str) -> dict[Preference, int]:
    answers = schema.answers.c
    rows = connection.execute(
        sa.select(answers.preference, sa.func.count().label("num"))
        .where(answers.run_id == run_id, answers.is_extra.is_(False))
        .group_by(answers.preference)
    )
    return {Preference(row.preference): row.num for row in rows}
