"""Who has which query until when. A lease is found by the SHA-256 of its token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from services.labeler import tokens
from services.labeler.records import Labeler, Lease, QueryState
from services.labeler.store import clock, queries, schema
from somersault.errors import FailedPreconditionError, LeaseExpiredError, ResourceExhaustedError
from somersault.types import Role

__all__ = [
    "has_work",
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
    numbers = _choose(connection, labeler, run_id=run_id, now_ms=now_ms, count=min(count, room))
    if not numbers:
        return []
    expire_ms = now_ms + round(lease_s * 1000)
    lease_tokens = [tokens.new_token() for _ in numbers]
    connection.execute(
        sa.insert(_LEASES),
        [
            {
                "token_sha256": tokens.sha256(token),
                "query_number": number,
                "labeler_id": labeler.labeler_id,
                "state": "held",
                "leased_ms": now_ms,
                "expire_ms": expire_ms,
            }
            for token, number in zip(lease_tokens, numbers, strict=True)
        ],
    )
    return [
        Lease(token=token, query=query, expire_ms=expire_ms, remaining_s=lease_s)
        for token, query in zip(lease_tokens, queries.read(connection, numbers), strict=True)
    ]


def has_work(connection: sa.Connection, labeler: Labeler, *, run_id: str | None) -> bool:
    """Says whether there is a query that the labeler could lease."""
    now_ms = clock.now_ms(connection)
    chosen = _select_open(labeler, run_id=run_id, now_ms=now_ms).limit(1)
    return connection.execute(chosen).first() is not None


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


def hold(connection: sa.Connection, labeler: Labeler, *, token: str) -> tuple[schema.Row, schema.Row]:
    """Gives a labeler's lease and its query, as they are until the transaction ends.

    Raises:
        FailedPreconditionError: the labeler has no such lease.
    """
    lease_row = _find(connection, labeler, token=token)
    query = lock_query(connection, lease_row.query_number)
    if connection.dialect.name != "sqlite":  # where nobody else can have written meanwhile
        lease_row = _find(connection, labeler, token=token)
    return lease_row, query


def lock_query(connection: sa.Connection, number: int) -> schema.Row:
    """Gives a query's row, as it is until the transaction ends."""
    return connection.execute(sa.select(_QUERIES).where(_QUERIES.c.number == number).with_for_update()).one()


def may_see(connection: sa.Connection, labeler: Labeler, query_number: int) -> bool:
    """Says whether the labeler has the query now, or has answered it."""
    is_live = sa.and_(_LEASES.c.state == "held", _LEASES.c.expire_ms > clock.now_ms(connection))
    seen = sa.exists().where(
        _LEASES.c.query_number == query_number,
        _LEASES.c.labeler_id == labeler.labeler_id,
        sa.or_(_LEASES.c.state == "answered", is_live),
    )
    return bool(connection.execute(sa.select(seen)).scalar_one())


def _find(connection: sa.Connection, labeler: Labeler, *, token: str) -> schema.Row:
    row = connection.execute(
        sa.select(_LEASES).where(
            _LEASES.c.token_sha256 == tokens.sha256(token),
            _LEASES.c.labeler_id == labeler.labeler_id,
        )
    ).one_or_none()
    if row is None:
        raise FailedPreconditionError(
            f"lease_token is none of {labeler.labeler_id!r}'s leases; LeaseQueries gives one"
        )
    return row


def _change(connection: sa.Connection, number: int, **values: object) -> None:
    connection.execute(sa.update(_LEASES).where(_LEASES.c.number == number).values(**values))


def _lock_labeler(connection: sa.Connection, labeler: Labeler) -> None:
    """Keeps the labeler's own parallel calls from passing its bound together."""
    if connection.dialect.name != "sqlite":  # which has one writer anyway
        table = schema.labelers
        connection.execute(
            sa.select(table.c.labeler_id).where(table.c.labeler_id == labeler.labeler_id).with_for_update()
        )


def _count_held(connection: sa.Connection, labeler: Labeler, *, now_ms: int) -> int:
    held = sa.select(sa.func.count()).where(
        _LEASES.c.labeler_id == labeler.labeler_id,
        _LEASES.c.state == "held",
        _LEASES.c.expire_ms > now_ms,
    )
    return int(connection.execute(held).scalar_one())


def _choose(
    connection: sa.Connection, labeler: Labeler, *, run_id: str | None, now_ms: int, count: int
) -> Sequence[int]:
    free = _select_open(labeler, run_id=run_id, now_ms=now_ms)
    locked = free.limit(count).with_for_update(skip_locked=True, of=_QUERIES)
    numbers = connection.execute(locked).scalars().all()
    if numbers and connection.dialect.name != "sqlite":
        # A lease that was committed between the choice and its lock is seen only by a new statement.
        again = free.where(_QUERIES.c.number.in_(numbers))
        numbers = connection.execute(again).scalars().all()
    return numbers


def _select_open(labeler: Labeler, *, run_id: str | None, now_ms: int) -> sa.Select[int]:
    """Selects the queries that a labeler may lease, oldest first."""
    of_query = _LEASES.c.query_number == _QUERIES.c.number
    is_live = sa.and_(_LEASES.c.state == "held", _LEASES.c.expire_ms > now_ms)
    num_live = sa.select(sa.func.count()).where(of_query, is_live).scalar_subquery()
    is_done_with = sa.exists().where(
        of_query,
        _LEASES.c.labeler_id == labeler.labeler_id,
        sa.or_(_LEASES.c.state.in_(["answered", "released"]), is_live),
    )
    chosen = sa.select(_QUERIES.c.number).where(
        _QUERIES.c.is_open.is_(True),
        _QUERIES.c.num_answers + num_live < _QUERIES.c.target_answers,
        ~is_done_with,
    )
    if labeler.role is not Role.TEACHER:  # which needs no video
        chosen = chosen.where(_QUERIES.c.state == QueryState.READY.value, _QUERIES.c.has_clips.is_(True))
    if run_id is not None:
        chosen = chosen.where(_QUERIES.c.run_id == run_id)
    return chosen.order_by(_QUERIES.c.number)
