"""Granting leases: calls of many labelers in one transaction, and on PostgreSQL in one round trip."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.database.steps import Step, named_rows, run
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import Lease, Query
from services.labeler.people import tokens
from services.labeler.queries import (
    gold_repository,
    open_gold_repository,
    open_query_repository,
    query_repository,
)
from somersault.errors import ResourceExhaustedError, SomersaultError

__all__ = ["LeaseRequest", "grant"]

_LEASES = schema.leases
_QUERIES = schema.queries
_RUNS = schema.runs

_Rows = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRequest:
    """What one call asks for."""

    labeler: Labeler
    run_id: str | None
    """Only this run's queries; None for any run's."""
    count: int
    lease_s: float
    max_leases: int
    """How many live leases the labeler may hold."""
    check: Callable[[sa.Connection], None] | None = None
    """Raises a domain error if nothing is to be leased."""


def grant(connection: sa.Connection, requests: Sequence[LeaseRequest]) -> list[list[Lease] | SomersaultError]:
    """Lease queries, oldest first; return each request's leases, or why there are none.

    ResourceExhaustedError: the labeler holds as many as it may.
    """
    grants = [_Grant(request) for request in requests]
    # Labelers are locked in one order, or two replicas might wait for each other.
    ordered = sorted(grants, key=lambda one: one.request.labeler.labeler_id)
    for one in ordered:
        one.check(connection)
    going = [one for one in ordered if one.error is None]
    rows = iter(run(connection, [step for one in going for step in one.steps()]))
    for one in going:
        one.take(rows)
    return [one.settle(connection) for one in grants]


@dataclass(slots=True)
class _Grant:
    """A request on its way."""

    request: LeaseRequest
    error: SomersaultError | None = None
    tokens: list[str] = field(default_factory=list)
    now_ms: int = 0
    num_held: int = 0
    has_open_gold: bool = False
    leases: list[Lease] = field(default_factory=list)
    excess: list[str] = field(default_factory=list)
    """Tokens of leases too many: another replica leased the query between our look and our lock."""

    def check(self, connection: sa.Connection) -> None:
        """Note the error for which nothing is to be leased, if there is one."""
        if self.request.check is not None:
            try:
                self.request.check(connection)
            except SomersaultError as err:
                self.error = err

    def steps(self) -> list[Step]:
        """Return the steps that lease as many queries as are wanted and there are."""
        own = {"of_labeler": self.request.labeler.labeler_id}
        return [Step(_LOCK_LABELER, own), *self._insert()]

    def _insert(self) -> list[Step]:
        request = self.request
        self.tokens = [tokens.new_token() for _ in range(request.count)]
        values: dict[str, Any] = {
            "labeler_id": request.labeler.labeler_id,
            "of_labeler": request.labeler.labeler_id,
            "most": request.max_leases,
            "lease_ms": round(request.lease_s * 1000),
        }
        if request.run_id is not None:
            values["run_id"] = request.run_id
        inserting = _inserting(request.labeler, has_run=request.run_id is not None)
        steps = []
        for digest in map(tokens.sha256, self.tokens):
            steps += [Step(inserting, values | {"token": digest}), Step(_READ, {"of_token": digest})]
        return steps

    def take(self, rows: Iterator[_Rows]) -> None:
        """Take the rows of `steps`."""
        ((self.now_ms, self.num_held, self.has_open_gold),) = next(rows)
        self._take_leases(rows)

    def _take_leases(self, rows: Iterator[_Rows]) -> None:
        named = named_rows(_READ)
        for token in self.tokens:
            next(rows)
            for row in map(named, next(rows)):
                if row.num_answers + row.num_live > row.target_answers:
                    self.excess.append(token)
                    continue
                query = query_repository.of_row(row)
                self.leases.append(
                    Lease(
                        token=token,
                        query=query,
                        expire_ms=row.expire_ms,
                        remaining_s=self.request.lease_s,
                    )
                )

    def settle(self, connection: sa.Connection) -> list[Lease] | SomersaultError:
        """Return the leases, with gold among them, or the error."""
        request = self.request
        if self.error is None and self.num_held >= request.max_leases:
            self.error = ResourceExhaustedError(
                f"{request.labeler.labeler_id!r} holds {request.max_leases} leases, the most allowed; answer or"
                " release one"
            )
        if self.error is not None:
            return self.error
        while self.excess:
            self._choose_again(connection)
        queries = [lease.query for lease in self.leases]
        promised = gold_repository.mix_in(
            connection, request.labeler, queries, has_open=self.has_open_gold, now_ms=self.now_ms
        )
        return self.leases if promised == queries else self._exchange(connection, promised)

    def _choose_again(self, connection: sa.Connection) -> None:
        """Give excess leases up and choose others for them, if nothing else was given yet."""
        run(connection, [Step(_DELETE, {"of_token": tokens.sha256(token)}) for token in self.excess])
        self.excess.clear()
        if not self.leases:
            self._take_leases(iter(run(connection, self._insert())))

    def _exchange(self, connection: sa.Connection, promised: Sequence[Query]) -> list[Lease]:
        """Let the leases be of the promised queries, as many and in that order."""
        leases = [
            dataclasses.replace(lease, query=query)
            for lease, query in zip(self.leases, promised, strict=True)
        ]
        steps = [
            Step(_EXCHANGE, {"of_token": tokens.sha256(lease.token), "of_query": lease.query.number})
            for lease in leases
        ]
        run(connection, steps)
        return leases


_IS_LIVE = sa.and_(_LEASES.c.state == "held", _LEASES.c.expire_ms > clock.NOW_MS)
_NUM_HELD = (
    sa.select(sa.func.count())
    .where(_LEASES.c.labeler_id == sa.bindparam("of_labeler"), _IS_LIVE)
    .scalar_subquery()
)
# Its parallel calls could exceed the bound together without the lock; what follows sees all that was committed before it.
# FOR NO KEY UPDATE: others may still refer to the row, since no key ever changes.
_LOCK_LABELER = (
    sa.select(clock.NOW_MS, _NUM_HELD, open_gold_repository.has_open())
    .where(schema.labelers.c.labeler_id == sa.bindparam("of_labeler"))
    .with_for_update(key_share=True, of=schema.labelers)
)
_OF_TOKEN = _LEASES.c.token_sha256 == sa.bindparam("of_token")
_DELETE = sa.delete(_LEASES).where(_OF_TOKEN)
_EXCHANGE = sa.update(_LEASES).where(_OF_TOKEN).values(query_number=sa.bindparam("of_query"))


def _read() -> sa.Select[Any]:
    """Select a lease that was just inserted, its query, and how many live leases the query has.

    A statement of its own, after the query's row was locked: it sees what was committed between the choice and the lock.
    """
    other = _LEASES.alias("other")
    num_live = (
        sa.select(sa.func.count())
        .where(
            other.c.query_number == _QUERIES.c.number,
            other.c.state == "held",
            other.c.expire_ms > clock.NOW_MS,
        )
        .scalar_subquery()
    )
    joined = query_repository.SELECT.join(_LEASES, _LEASES.c.query_number == _QUERIES.c.number)
    return joined.add_columns(_LEASES.c.expire_ms, num_live.label("num_live")).where(_OF_TOKEN)


_READ = _read()


def _inserting(labeler: Labeler, *, has_run: bool) -> sa.Insert:
    return _insert(open_query_repository.choosing(labeler, has_run=has_run))


@functools.cache
def _insert(choosing: sa.Select[Any]) -> sa.Insert:
    """Lease the oldest query that the labeler may lease; nothing if there is none, or it holds as many as it may."""
    guidelines = sa.select(_RUNS.c.guidelines_version).where(_RUNS.c.run_id == _QUERIES.c.run_id)
    has_room = sa.bindparam("most", type_=sa.BigInteger) > _NUM_HELD
    # Its locks need a query of their own: an INSERT has none.
    chosen = (
        choosing.add_columns(guidelines.scalar_subquery().label("guidelines_version"))
        .where(has_room)
        .limit(sa.literal_column("1"))
        .subquery("chosen")
    )
    values = {
        "token_sha256": sa.bindparam("token", type_=sa.String),
        "query_number": chosen.c.number,
        "labeler_id": sa.bindparam("labeler_id", type_=sa.String),
        "state": sa.literal_column("'held'"),
        "leased_ms": clock.NOW_MS,
        "expire_ms": clock.NOW_MS + sa.bindparam("lease_ms", type_=sa.BigInteger),
        "guidelines_version": chosen.c.guidelines_version,
    }
    rows = sa.select(*(value.label(name) for name, value in values.items()))
    return sa.insert(_LEASES).from_select(list(values), rows.select_from(chosen))
