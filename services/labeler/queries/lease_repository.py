"""Leases: who has which query until when. A lease is found by the SHA-256 of its token."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.labeler.database import bounds, clock, schema
from services.labeler.database.steps import Step, run
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import Renewal
from services.labeler.people import tokens
from somersault.domain.trajectory import StoredSegment
from somersault.errors import FailedPreconditionError, LeaseExpiredError

__all__ = [
    "HeldLease",
    "end_all",
    "lock",
    "lock_query",
    "locked",
    "may_see",
    "release",
    "renew",
    "step_to_lock",
    "step_to_mark_answered",
]

_LEASES = schema.leases
_QUERIES = schema.queries

_SEGMENTS = {side: schema.segments.alias(f"{side}_segment") for side in ("left", "right")}


def _select_locked() -> sa.Select[Any]:
    """Select a lease, its query, the time, who has an answer's name, and the segments that a row of the log names.

    Lease and query are read once nobody else locks them: PostgreSQL rereads rows that it had to wait for.
    """
    named = sa.select(schema.answers.c.lease_number).where(
        schema.answers.c.answer_id == sa.bindparam("of_answer")
    )
    selected = sa.select(_LEASES, _QUERIES, clock.NOW_MS, named.scalar_subquery()).join(
        _QUERIES, _QUERIES.c.number == _LEASES.c.query_number
    )
    for side, segment in _SEGMENTS.items():
        is_shown = segment.c.segment_id == _QUERIES.c[f"{side}_segment_id"]
        selected = selected.join(segment, (segment.c.run_id == _QUERIES.c.run_id) & is_shown)
        selected = selected.add_columns(
            *(
                bounds.bounded_key(segment.c[name]) if name.endswith("_uri") else segment.c[name]
                for name in StoredSegment.__slots__
            )
        )
    is_own = _LEASES.c.labeler_id == sa.bindparam("of_labeler")
    return selected.where(_LEASES.c.token_sha256 == sa.bindparam("of_token"), is_own).with_for_update(
        of=[_LEASES, _QUERIES], key_share=True
    )


# FOR NO KEY UPDATE: others may still refer to the rows, since no key ever changes.
_LOCK = _select_locked()
_LOCK_QUERY = (
    sa.select(_QUERIES).where(_QUERIES.c.number == sa.bindparam("of_number")).with_for_update(key_share=True)
)
_CHANGE = sa.update(_LEASES).where(_LEASES.c.number == sa.bindparam("of_number"))


class HeldLease(NamedTuple):
    """A lease and its query, both locked, and when they were read."""

    lease: Any
    query: Any
    now_ms: int
    named: int | None
    """The number of the lease whose answer has a certain name; None if there is none."""
    left: StoredSegment
    right: StoredSegment


def renew(
    connection: sa.Connection, labeler: Labeler, *, token: str, lease_s: float, max_age_s: float
) -> Renewal:
    """Extend a live lease, at most to ``max_age_s`` seconds after it was given.

    Raises:
        FailedPreconditionError: the labeler has no such lease, or it has ended.
    """
    held = lock(connection, labeler, token=token)
    if held.lease.state != "held" or held.lease.expire_ms <= held.now_ms:
        raise LeaseExpiredError("the lease has ended; lease the query again")
    last_ms = held.lease.leased_ms + round(max_age_s * 1000)
    expire_ms = min(held.now_ms + round(lease_s * 1000), last_ms)
    if expire_ms <= held.now_ms:  # it was given when leases could be held for longer
        raise LeaseExpiredError(f"the lease was held for {max_age_s:g} s, the longest; lease the query again")
    run(connection, [_step_to_change(held.lease.number, expire_ms=expire_ms)])
    return Renewal(expire_ms=expire_ms, remaining_s=(expire_ms - held.now_ms) / 1000, last_ms=last_ms)


def release(connection: sa.Connection, labeler: Labeler, *, token: str, is_returned: bool = False) -> None:
    """End a lease without an answer; do nothing the second time.

    A released query never comes back to the labeler. A returned one may, and a late answer to it is accepted.

    Raises:
        FailedPreconditionError: the labeler has no such lease, or has answered it.
    """
    held = lock(connection, labeler, token=token)
    if held.lease.state == "answered":
        raise FailedPreconditionError("the query was answered; RevisePreference changes the answer")
    if is_returned and held.lease.state != "held":
        return
    run(connection, [_step_to_change(held.lease.number, state="returned" if is_returned else "released")])


def step_to_mark_answered(number: int) -> Step:
    """Return the step that marks a lease as answered."""
    return _step_to_change(number, state="answered")


def lock(connection: sa.Connection, labeler: Labeler, *, token: str) -> HeldLease:
    """Return a labeler's lease and its query, locked until the transaction ends.

    Raises:
        FailedPreconditionError: the labeler has no such lease.
    """
    (rows,) = run(connection, [step_to_lock(labeler, token=token)])
    return locked(labeler, rows)


def step_to_lock(labeler: Labeler, *, token: str, answer_id: str = "") -> Step:
    """Return the step that locks a labeler's lease and its query; `locked` takes its rows. It looks for an answer of that name, too."""
    values = {"of_token": tokens.sha256(token), "of_labeler": labeler.labeler_id, "of_answer": answer_id}
    return Step(_LOCK, values)


def locked(labeler: Labeler, rows: Sequence[Sequence[Any]]) -> HeldLease:
    """Return the lease in the rows of a `step_to_lock`.

    Raises:
        FailedPreconditionError: the labeler has no such lease.
    """
    found = _held(rows[0]) if rows else None
    if found is None or not labeler.reaches(found.query.run_id):
        raise FailedPreconditionError(
            f"lease_token is not a lease of {labeler.labeler_id!r}; LeaseQueries gives one"
        )
    return found


def _held(row: Sequence[Any]) -> HeldLease:
    lease, query, (now_ms, named), left, right = (row[part] for part in _PARTS)
    return HeldLease(
        lease=SimpleNamespace(**dict(zip(_LEASES.columns.keys(), lease, strict=True))),
        query=SimpleNamespace(**dict(zip(_QUERIES.columns.keys(), query, strict=True))),
        now_ms=now_ms,
        named=named,
        left=bounds.segment_within(*left),
        right=bounds.segment_within(*right),
    )


def _parts(*lengths: int) -> list[slice]:
    ends = list(itertools.accumulate(lengths))
    return [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]


_PARTS = _parts(
    len(_LEASES.columns), len(_QUERIES.columns), 2, len(StoredSegment.__slots__), len(StoredSegment.__slots__)
)
"""The parts of a row of `_LOCK`."""


def end_all(connection: sa.Connection, labeler_id: str, *, run_id: str | None = None, now_ms: int) -> None:
    """End a labeler's live leases, in one run or in all, so that others can have the queries at once."""
    is_live = sa.and_(_LEASES.c.state == "held", _LEASES.c.expire_ms > now_ms)
    ended = sa.update(_LEASES).where(_LEASES.c.labeler_id == labeler_id, is_live)
    if run_id is not None:
        of_run = sa.select(_QUERIES.c.number).where(_QUERIES.c.run_id == run_id)
        ended = ended.where(_LEASES.c.query_number.in_(of_run))
    connection.execute(ended.values(expire_ms=now_ms))


def lock_query(connection: sa.Connection, number: int) -> schema.Row:
    """Return a query's row, locked until the transaction ends."""
    return connection.execute(_LOCK_QUERY, {"of_number": number}).one()


def may_see(connection: sa.Connection, labeler: Labeler, query_number: int) -> bool:
    """Return whether the labeler holds the query now, or has answered it."""
    is_live = sa.and_(_LEASES.c.state == "held", _LEASES.c.expire_ms > clock.NOW_MS)
    seen = sa.exists().where(
        _LEASES.c.query_number == query_number,
        _LEASES.c.labeler_id == labeler.labeler_id,
        sa.or_(_LEASES.c.state == "answered", is_live),
    )
    return bool(connection.execute(sa.select(seen)).scalar_one())


def _step_to_change(number: int, **values: object) -> Step:
    return Step(_CHANGE, {"of_number": number, **values})
