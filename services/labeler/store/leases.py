"""Who has which query until when. A lease is found by the SHA-256 of its token."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from services.labeler import tokens
from services.labeler.records import Labeler, Lease
from services.labeler.store import clock, gold, open_queries, queries, schema
from somersault.errors import FailedPreconditionError, LeaseExpiredError, ResourceExhaustedError

__all__ = [
    "end_all",
    "hold",
    "lease",
    "lock_query",
    "mark_answered",
    "may_see",
    "release",
    "renew",
]

_LEASES = schema.leases
_QUERIES = schema.queries

_INSERT = sa.insert(_LEASES)
# Both rows as they are once nobody else holds them: PostgreSQL looks again at what it had to wait for.
_HOLD = (
    sa.select(_LEASES, _QUERIES)
    .join(_QUERIES, _QUERIES.c.number == _LEASES.c.query_number)
    .where(
        _LEASES.c.token_sha256 == sa.bindparam("of_token"),
        _LEASES.c.labeler_id == sa.bindparam("of_labeler"),
    )
    .with_for_update(of=[_LEASES, _QUERIES])
)
_LOCK_QUERY = sa.select(_QUERIES).where(_QUERIES.c.number == sa.bindparam("of_number")).with_for_update()
_LOCK_LABELER = (
    sa.select(schema.labelers.c.labeler_id)
    .where(schema.labelers.c.labeler_id == sa.bindparam("of_labeler"))
    .with_for_update()
)
_CHANGE = sa.update(_LEASES).where(_LEASES.c.number == sa.bindparam("of_number"))
_COUNT_HELD = sa.select(sa.func.count()).where(
    _LEASES.c.labeler_id == sa.bindparam("of_labeler"),
    _LEASES.c.state == "held",
    _LEASES.c.expire_ms > sa.bindparam("now_ms"),
)


def lease(
    connection: sa.Connection,
    labeler: Labeler,
    *,
    run_id: str | None,
    count: int,
    lease_s: float,
    max_leases: int,
) -> list[Lease]:
    """Promises up to ``count`` queries to a labeler, oldest first.

    Raises:
        ResourceExhaustedError: the labeler holds ``max_leases`` already.
    """
    _lock_labeler(connection, labeler)
    now_ms = clock.now_ms(connection)
    room = max_leases - _count_held(connection, labeler, now_ms=now_ms)
    if room < 1:
        raise ResourceExhaustedError(
            f"{labeler.labeler_id!r} holds {max_leases} leases, the most it may; answer or release one"
        )
    numbers = open_queries.choose(connection, labeler, run_id=run_id, now_ms=now_ms, count=min(count, room))
    if not numbers:
        return []
    expire_ms = now_ms + round(lease_s * 1000)
    promised = gold.mix_in(connection, labeler, queries.read(connection, numbers), now_ms=now_ms)
    lease_tokens = [tokens.new_token() for _ in promised]
    connection.execute(
        _INSERT,
        [
            {
                "token_sha256": tokens.sha256(token),
                "query_number": query.number,
                "labeler_id": labeler.labeler_id,
                "state": "held",
                "leased_ms": now_ms,
                "expire_ms": expire_ms,
                "guidelines_version": query.guidelines_version,
            }
            for token, query in zip(lease_tokens, promised, strict=True)
        ],
    )
    return [
        Lease(token=token, query=query, expire_ms=expire_ms, remaining_s=lease_s)
        for token, query in zip(lease_tokens, promised, strict=True)
    ]


def renew(connection: sa.Connection, labeler: Labeler, *, token: str, lease_s: float) -> tuple[int, float]:
    """Prolongs a lease that has not ended; gives when it ends and in how many seconds.

    Raises:
        FailedPreconditionError: the labeler has no such lease, or it ended.
    """
    row, _ = hold(connection, labeler, token=token)
    now_ms = clock.now_ms(connection)
    if row.state != "held" or row.expire_ms <= now_ms:
        raise LeaseExpiredError("the lease has ended; lease the query again")
    expire_ms = now_ms + round(lease_s * 1000)
    _change(connection, row.number, expire_ms=expire_ms)
    return expire_ms, lease_s


def release(connection: sa.Connection, labeler: Labeler, *, token: str) -> None:
    """Gives a query to somebody else for good; does nothing the second time.

    Raises:
        FailedPreconditionError: the labeler has no such lease, or has answered it.
    """
    row, _ = hold(connection, labeler, token=token)
    if row.state == "answered":
        raise FailedPreconditionError("the query was answered; RevisePreference changes the answer")
    _change(connection, row.number, state="released")


def mark_answered(connection: sa.Connection, number: int) -> None:
    """Ends a lease by its answer."""
    _change(connection, number, state="answered")


def hold(connection: sa.Connection, labeler: Labeler, *, token: str) -> tuple[Any, Any]:
    """Gives a labeler's lease and its query, as they are until the transaction ends.

    Raises:
        FailedPreconditionError: the labeler has no such lease.
    """
    values = {"of_token": tokens.sha256(token), "of_labeler": labeler.labeler_id}
    row = connection.execute(_HOLD, values).one_or_none()
    if row is None:
        raise FailedPreconditionError(
            f"lease_token is none of {labeler.labeler_id!r}'s leases; LeaseQueries gives one"
        )
    num_columns = len(_LEASES.columns)
    return _row(_LEASES, row[:num_columns]), _row(_QUERIES, row[num_columns:])


def end_all(connection: sa.Connection, labeler_id: str, *, now_ms: int) -> None:
    """Ends a labeler's live leases: others may have the queries at once."""
    connection.execute(
        sa.update(_LEASES)
        .where(_LEASES.c.labeler_id == labeler_id, _LEASES.c.state == "held", _LEASES.c.expire_ms > now_ms)
        .values(expire_ms=now_ms)
    )


def lock_query(connection: sa.Connection, number: int) -> schema.Row:
    """Gives a query's row, as it is until the transaction ends."""
    return connection.execute(_LOCK_QUERY, {"of_number": number}).one()


def may_see(connection: sa.Connection, labeler: Labeler, query_number: int) -> bool:
    """Says whether the labeler has the query now, or has answered it."""
    is_live = sa.and_(_LEASES.c.state == "held", _LEASES.c.expire_ms > clock.now_ms(connection))
    seen = sa.exists().where(
        _LEASES.c.query_number == query_number,
        _LEASES.c.labeler_id == labeler.labeler_id,
        sa.or_(_LEASES.c.state == "answered", is_live),
    )
    return bool(connection.execute(sa.select(seen)).scalar_one())


def _row(table: sa.Table, values: tuple[Any, ...]) -> SimpleNamespace:
    """Gives one table's part of a row."""
    return SimpleNamespace(**dict(zip(table.columns.keys(), values, strict=True)))


def _change(connection: sa.Connection, number: int, **values: object) -> None:
    connection.execute(_CHANGE, {"of_number": number, **values})


def _lock_labeler(connection: sa.Connection, labeler: Labeler) -> None:
    """Keeps the labeler's own parallel calls from passing its bound together."""
    if connection.dialect.name != "sqlite":  # which has one writer anyway
        connection.execute(_LOCK_LABELER, {"of_labeler": labeler.labeler_id})


def _count_held(connection: sa.Connection, labeler: Labeler, *, now_ms: int) -> int:
    held = connection.execute(_COUNT_HELD, {"of_labeler": labeler.labeler_id, "now_ms": now_ms})
    return int(held.scalar_one())
