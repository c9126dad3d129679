"""Fills a labeler's database with a run that has been answered for long, by bulk inserts through the store's own tables."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import sqlalchemy as sa

from services.labeler.database import migrate, schema

__all__ = ["EMPTY_RUN_ID", "RUN_ID", "SERVICE_TOKEN", "fill", "token_of"]

RUN_ID = "bench"
EMPTY_RUN_ID = "bench-empty"
SERVICE_TOKEN = f"{RUN_ID}-service-token-0123456789"
_NUM_SEGMENTS = 2000
_ANSWERS_EACH = 2  # of an old query: both left, so that gold can be made of it

_Columns = dict[str, sa.ColumnElement[Any]]


def token_of(number: int) -> str:
    """Return a person's token, numbered from 0."""
    return f"bench-token-{number:06d}-0123456789"


def fill(url: str, *, num_preferences: int, num_ready: int, num_labelers: int) -> None:
    """Make the tables, and in them so many preferences, queries that may be leased, and people.

    Args:
        url: As the labeler's ``database_url``; the database must be empty.
        num_preferences: Even; answers of the people in turns, two a query.
        num_ready: Queries with stored clips that want one answer.
        num_labelers: At least two.
    """
    engine = _engine(url)
    migrate.to_head(engine)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":  # references are right by construction
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        _add_people(connection, num_labelers)
        _add_runs(connection, num_preferences=num_preferences, num_ready=num_ready)
        _add_segments(connection)
        for index in _indexes():  # each made at once from all rows, not row by row
            index.drop(connection)
        _add_queries(connection, num_answered=num_preferences // _ANSWERS_EACH, num_ready=num_ready)
        _add_answers(connection, num_preferences=num_preferences, num_labelers=num_labelers)
        for index in _indexes():
            index.create(connection)
        _count(connection, num_preferences=num_preferences, num_labelers=num_labelers)
    if engine.dialect.name == "postgresql":  # as autovacuum has long done where a run grew slowly
        with engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("VACUUM ANALYZE"))
    engine.dispose()


def _indexes() -> list[sa.Index]:
    tables = (schema.queries, schema.leases, schema.answers)
    return [index for table in tables for index in sorted(table.indexes, key=lambda index: str(index.name))]


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return sa.create_engine(parsed.set(drivername="postgresql+psycopg"))
    engine = sa.create_engine(parsed)

    @sa.event.listens_for(engine, "connect")
    def hurry(connection: object, _record: object) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=OFF", "cache_size=-200000"):
            connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    return engine


def _add_people(connection: sa.Connection, num_labelers: int) -> None:
    people = [(f"labeler-{number}", "labeler", token_of(number)) for number in range(num_labelers)]
    people.append(("bench-service", "service", SERVICE_TOKEN))
    rows = [
        {
            "labeler_id": labeler_id,
            "name": labeler_id,
            "role": role,
            "token_sha256": hashlib.sha256(token.encode()).hexdigest(),
            "created_ms": 0,
        }
        for labeler_id, role, token in people
    ]
    connection.execute(sa.insert(schema.labelers), rows)
    members = [
        {"run_id": run_id, "labeler_id": row["labeler_id"]}
        for row in rows
        for run_id in (RUN_ID, EMPTY_RUN_ID)
    ]
    connection.execute(sa.insert(schema.run_members), members)


def _add_runs(connection: sa.Connection, *, num_preferences: int, num_ready: int) -> None:
    row = {"task": "hopper-backflip", "question": "Which?", "newest_cursor": 0, "created_ms": 0}
    counted = {
        "newest_cursor": num_preferences,
        "newest_plain_cursor": num_preferences,
        "num_ready": num_ready,
        "num_answered": num_preferences // _ANSWERS_EACH,
        "num_left": num_preferences,
    }
    connection.execute(sa.insert(schema.runs), {**row, "run_id": EMPTY_RUN_ID})
    connection.execute(sa.insert(schema.runs), {**row, "run_id": RUN_ID, **counted})


def _add_segments(connection: sa.Connection) -> None:
    number = _numbers(0, _NUM_SEGMENTS - 1)
    name = _named("s", number)
    segment = {"run_id": sa.literal(RUN_ID), "segment_id": name, "segment_uri": name, "sealed_uri": name}
    _insert(connection, schema.segments, {**segment, "duration_s": sa.literal(1.5)})
    clip = {"run_id": sa.literal(RUN_ID), "segment_id": name, "clip_uri": name, "state": sa.literal("stored")}
    clip |= {"sha256": name, "num_failures": sa.literal(0), "next_try_ms": sa.literal(0)}
    _insert(connection, schema.clips, {**clip, "reason": sa.literal("")})


def _add_queries(connection: sa.Connection, *, num_answered: int, num_ready: int) -> None:
    """Add those with two answers of left, then those that are ready."""
    for first, last, is_open in (
        (1, num_answered, False),
        (num_answered + 1, num_answered + num_ready, True),
    ):
        number = _numbers(first, last)
        num_answers = 0 if is_open else _ANSWERS_EACH
        _insert(
            connection,
            schema.queries,
            {
                "number": number,
                "query_id": _named("q", number),
                "run_id": sa.literal(RUN_ID),
                "proposal_id": _named("p", number),
                "left_segment_id": _named("s", number % _NUM_SEGMENTS),
                "right_segment_id": _named("s", (number + 1) % _NUM_SEGMENTS),
                "wants_clips": sa.true(),
                "has_clips": sa.true(),
                "state": sa.literal("ready" if is_open else "answered"),
                "target_answers": sa.literal(1 if is_open else _ANSWERS_EACH),
                "num_answers": sa.literal(num_answers),
                "num_left": sa.literal(num_answers),
                "is_open": sa.literal(is_open),
                "is_unanimous": sa.literal(not is_open),
                "proposed_ms": sa.literal(_now_ms()),
            },
        )


def _add_answers(connection: sa.Connection, *, num_preferences: int, num_labelers: int) -> None:
    """Add leases, answers and the log: the n-th answer is of one number in each of them."""
    number = _numbers(1, num_preferences)
    query = sa.cast((number + 1 - (number + 1) % _ANSWERS_EACH) / _ANSWERS_EACH, sa.Integer)
    whose = {"labeler_id": _named("labeler-", number % num_labelers)}
    when = sa.literal(_now_ms() - 7_200_000)
    lease: _Columns = {"number": number, "token_sha256": _named("t", number), "query_number": query, **whose}
    lease |= {"state": sa.literal("answered"), "leased_ms": when, "expire_ms": when}
    _insert(connection, schema.leases, lease)
    answer: _Columns = {
        "number": number,
        "answer_id": _named("a", number),
        "run_id": sa.literal(RUN_ID),
        **whose,
    }
    answer |= {"query_number": query, "lease_number": number, "is_extra": sa.false(), "answered_ms": when}
    answer |= {
        "newest_version": sa.literal(1),
        "preference": sa.literal("left"),
        "response_ms": sa.literal(900),
    }
    answer |= {"position": 2 - number % _ANSWERS_EACH, "target_answers": sa.literal(_ANSWERS_EACH)}
    _insert(connection, schema.answers, answer)
    row: _Columns = {"run_id": sa.literal(RUN_ID), "cursor": number, "answer_number": number}
    row |= {"version": sa.literal(1), "preference": sa.literal("left"), "commit_ms": when}
    _insert(connection, schema.preference_log, row)


def _count(connection: sa.Connection, *, num_preferences: int, num_labelers: int) -> None:
    """Bring counters to what the service would have counted."""
    kinds = {"run_id": RUN_ID, "num_left": 2, "num_right": 0, "num_equal": 0}
    connection.execute(sa.insert(schema.agreement), {**kinds, "num_queries": num_preferences // 2})
    each = num_preferences // num_labelers
    rows = [
        {"run_id": RUN_ID, "labeler_id": f"labeler-{number}", "num_left": each, "num_timed": each}
        for number in range(num_labelers)
    ]
    connection.execute(sa.insert(schema.labeler_counts), rows)
    if connection.dialect.name == "postgresql":  # rows came with numbers of ours, which it does not count
        for table in (schema.queries, schema.leases, schema.answers):
            sequence = sa.func.pg_get_serial_sequence(table.name, "number")
            connection.execute(sa.select(sa.func.setval(sequence, sa.func.max(table.c.number))))


def _numbers(first: int, last: int) -> sa.ColumnElement[int]:
    """Return a column of ``first`` to ``last``."""
    series = sa.select(sa.literal(first, sa.BigInteger).label("n")).cte("numbers", recursive=True)
    series = series.union_all(sa.select(series.c.n + 1).where(series.c.n < last))
    return series.c.n


def _named(prefix: str, number: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    return sa.literal(prefix, sa.String).concat(sa.cast(number, sa.String))


def _insert(connection: sa.Connection, table: sa.Table, values: _Columns) -> None:
    rows = sa.select(*(value.label(name) for name, value in values.items()))
    connection.execute(sa.insert(table).from_select(list(values), rows))


def _now_ms() -> int:
    return int(time.time() * 1000)
