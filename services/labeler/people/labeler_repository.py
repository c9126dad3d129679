"""Labelers, found by the SHA-256 of a token: equal work however close a guess is."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.model.labelers import KnownLabeler, Labeler
from services.labeler.people import member_repository, session_repository
from services.labeler.queries import lease_repository
from somersault.domain.roles import Role
from somersault.errors import FailedPreconditionError, NotFoundError

__all__ = [
    "add",
    "check_owned",
    "find_all",
    "has_owner",
    "list_known",
    "lock_owners",
    "lock_token",
    "make_known",
    "no_token",
    "read",
    "read_member",
    "read_ruled",
    "revoke",
    "rotate",
]

_TABLE = schema.labelers
_FIND = sa.select(_TABLE).where(_TABLE.c.token_sha256 == sa.bindparam("of_token"))
_LOCK = _FIND.with_for_update()
_OWNERS = sa.select(_TABLE).where(_TABLE.c.role == Role.OWNER.value, _TABLE.c.revoked_ms == 0)
_MAX_TOGETHER = 1000  # digests in one statement


def find_all(connection: sa.Connection, digests: Collection[str]) -> dict[str, Labeler]:
    """Return the holders of those tokens and sessions that are known, by the SHA-256 of each."""
    known: dict[str, Labeler] = {}
    asked = sorted(digests)
    for first in range(0, len(asked), _MAX_TOGETHER):
        some = asked[first : first + _MAX_TOGETHER]
        of_sessions = session_repository.tokens_of(connection, some)
        asked_for = {*some, *of_sessions.values()}
        rows = connection.execute(sa.select(_TABLE).where(_TABLE.c.token_sha256.in_(asked_for))).all()
        members = member_repository.read_all(connection, [row.labeler_id for row in rows])
        holders = {row.token_sha256: row for row in rows}
        for digest in some:
            row = holders.get(of_sessions.get(digest, digest))
            if row is not None:
                known[digest] = _known_in(row, members.get(row.labeler_id, frozenset())).labeler
    return known


def lock_token(connection: sa.Connection, digest: str) -> bool:
    """Return whether a token is known, or that which began a session, locked until the transaction ends."""
    (token_sha256,) = session_repository.tokens_of(connection, [digest]).values() or [digest]
    return connection.execute(_LOCK, {"of_token": token_sha256}).one_or_none() is not None


def read(connection: sa.Connection, labeler_id: str) -> KnownLabeler:
    """Return a labeler by its id.

    Raises:
        NotFoundError: there is no such labeler.
    """
    found = sa.select(_TABLE).where(_TABLE.c.labeler_id == labeler_id)
    row = connection.execute(found).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no labeler {labeler_id!r}")
    return _known(connection, row)


def read_member(connection: sa.Connection, by: Labeler, labeler_id: str) -> KnownLabeler:
    """Return a labeler that is a member of one of an owner's runs.

    Raises:
        NotFoundError: there is no such labeler, or none that the owner may know of.
    """
    known = read(connection, labeler_id)
    if by.runs is not None and not by.runs & (known.labeler.runs or frozenset()):
        raise NotFoundError(f"there is no labeler {labeler_id!r}")
    return known


def read_ruled(connection: sa.Connection, by: Labeler, labeler_id: str) -> KnownLabeler:
    """Return a labeler whose token an owner may replace or end: it reaches nothing that the owner doesn't.

    Raises:
        NotFoundError: there is no such labeler, or none that the owner may know of.
        FailedPreconditionError: it is a member of other runs too.
    """
    known = read_member(connection, by, labeler_id)
    if not by.encloses(known.labeler):
        raise FailedPreconditionError(
            f"{labeler_id!r} is a member of runs that aren't yours, where its token counts too: remove it from"
            " yours by RemoveLabeler, or ask an owner of the labeler"
        )
    return known


def list_known(
    connection: sa.Connection,
    *,
    runs: frozenset[str] | None,
    has_everywhere: bool,
    after: str,
    count: int,
) -> list[KnownLabeler]:
    """Return up to ``count`` labelers in order of labeler_id, those after ``after``.

    Args:
        connection: A connection.
        runs: Whose members; None for all labelers.
        has_everywhere: Whether those are among them whose token is good for every run.
        after: The last one of the page before.
        count: How many.
    """
    is_shown = member_repository.of_caller(_TABLE.c.labeler_id, runs)
    if has_everywhere:
        is_shown = sa.or_(is_shown, _TABLE.c.is_everywhere)
    page = sa.select(_TABLE).where(_TABLE.c.labeler_id > after, is_shown)
    rows = connection.execute(page.order_by(_TABLE.c.labeler_id).limit(count)).all()
    members = member_repository.read_all(connection, [row.labeler_id for row in rows])
    return [_known_in(row, members.get(row.labeler_id, frozenset())) for row in rows]


def add(connection: sa.Connection, labeler: Labeler, *, token_sha256: str, is_revoked: bool = False) -> None:
    """Add a labeler, as a member of its runs."""
    now_ms = clock.now_ms(connection)
    connection.execute(
        sa.insert(_TABLE).values(
            labeler_id=labeler.labeler_id,
            name=labeler.name,
            role=labeler.role.value,
            token_sha256=token_sha256,
            created_ms=now_ms,
            revoked_ms=now_ms if is_revoked else 0,
            is_everywhere=labeler.runs is None,
        )
    )
    member_repository.add(connection, labeler.labeler_id, labeler.runs or ())


def make_known(
    connection: sa.Connection, known: Sequence[tuple[Labeler, str]], *, run_id: str | None
) -> None:
    """Add labelers with the SHA-256 of their tokens, for one run alone or with None for every run.

    A known one gets the new token, unless it is of another run.
    """
    for labeler, token_sha256 in known:
        if run_id is not None and _is_shared(connection, labeler.labeler_id, run_id):
            if _holder(connection, token_sha256) == labeler.labeler_id:
                continue  # of an older version, which knew no members: it stays good for the runs there were
            labeler = replace(labeler, labeler_id=f"{labeler.labeler_id}-{_digest(run_id)}")  # noqa: PLW2901
        if not _set_token(connection, labeler.labeler_id, token_sha256=token_sha256, revoked_ms=0):
            add(connection, labeler, token_sha256=token_sha256)
        member_repository.set_exactly(connection, labeler.labeler_id, run_id)


def _is_shared(connection: sa.Connection, labeler_id: str, run_id: str) -> bool:
    """Return whether a labeler is known as another run's too."""
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.labeler_id == labeler_id)).one_or_none()
    if row is None:
        return False
    others = sa.select(schema.runs.c.run_id).where(schema.runs.c.run_id != run_id).limit(1)
    if row.is_everywhere:
        return connection.execute(others).first() is not None
    return bool(member_repository.read(connection, labeler_id) - {run_id})


def _holder(connection: sa.Connection, token_sha256: str) -> str | None:
    row = connection.execute(_FIND, {"of_token": token_sha256}).one_or_none()
    return None if row is None else str(row.labeler_id)


def _digest(run_id: str) -> str:
    return hashlib.sha256(run_id.encode()).hexdigest()[:12]


def has_owner(connection: sa.Connection) -> bool:
    """Return whether there is an owner."""
    return connection.execute(_OWNERS.limit(1)).first() is not None


def check_owned(connection: sa.Connection, left: Labeler, runs: frozenset[str] | None) -> None:
    """Check that the runs that a labeler has just left still have an owner; None stands for every run.

    Raises:
        FailedPreconditionError: it was the last one.
    """
    if left.role is not Role.OWNER:
        return
    owners = [_known(connection, row).labeler for row in connection.execute(_OWNERS).all()]
    if any(owner.runs is None for owner in owners):
        return
    if runs is None or not all(any(owner.reaches(run_id) for owner in owners) for run_id in runs):
        raise FailedPreconditionError(f"{left.labeler_id!r} is the last owner; invite another one first")


def rotate(connection: sa.Connection, by: Labeler, labeler_id: str, *, token_sha256: str) -> None:
    """Replace a labeler's token, revoked or not.

    Raises:
        NotFoundError: there is no such labeler.
        FailedPreconditionError: it is a member of runs that aren't the caller's.
    """
    read_ruled(connection, by, labeler_id)
    _set_token(connection, labeler_id, token_sha256=token_sha256, revoked_ms=0)
    session_repository.end_all(connection, labeler_id)


def revoke(connection: sa.Connection, by: Labeler, labeler_id: str) -> bool:
    """Revoke a labeler's token and end its live leases; return whether it had a token.

    Raises:
        NotFoundError: there is no such labeler.
        FailedPreconditionError: it is the last owner, or a member of runs that aren't the caller's.
    """
    lock_owners(connection)
    known = read_ruled(connection, by, labeler_id)
    if known.revoked_ms:
        return False
    now_ms = clock.now_ms(connection)
    _set_token(connection, labeler_id, token_sha256=no_token(), revoked_ms=now_ms)
    session_repository.end_all(connection, labeler_id)
    check_owned(connection, known.labeler, known.labeler.runs)
    lease_repository.end_all(connection, labeler_id, now_ms=now_ms)
    return True


def no_token() -> str:
    """Return a placeholder for the digest of a missing token, which no token has."""
    return f"none-{secrets.token_hex(16)}"


def _set_token(connection: sa.Connection, labeler_id: str, *, token_sha256: str, revoked_ms: int) -> bool:
    changed = connection.execute(
        sa.update(_TABLE)
        .where(_TABLE.c.labeler_id == labeler_id)
        .values(token_sha256=token_sha256, revoked_ms=revoked_ms)
    )
    return changed.rowcount > 0


def lock_owners(connection: sa.Connection) -> None:
    """Lock the owners, so that two can't revoke each other at the same time."""
    connection.execute(
        sa.select(_TABLE.c.labeler_id)
        .where(_TABLE.c.role == Role.OWNER.value)
        .order_by(_TABLE.c.labeler_id)
        .with_for_update()
    ).all()


def _known(connection: sa.Connection, row: schema.Row) -> KnownLabeler:
    return _known_in(
        row, frozenset() if row.is_everywhere else member_repository.read(connection, row.labeler_id)
    )


def _known_in(row: schema.Row, runs: frozenset[str]) -> KnownLabeler:
    reached = None if row.is_everywhere else runs
    return KnownLabeler(
        labeler=Labeler(labeler_id=row.labeler_id, name=row.name, role=Role(row.role), runs=reached),
        created_ms=row.created_ms,
        revoked_ms=row.revoked_ms,
    )
