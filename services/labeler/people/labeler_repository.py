"""Labelers, found by the SHA-256 of a token: equal work however close a guess is."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.model.labelers import KnownLabeler, Labeler
from services.labeler.queries import lease_repository
from somersault.domain.roles import Role
from somersault.errors import FailedPreconditionError, NotFoundError

__all__ = [
    "add",
    "find",
    "find_known",
    "has_owner",
    "list_known",
    "lock_token",
    "make_known",
    "no_token",
    "read",
    "revoke",
    "rotate",
]

_TABLE = schema.labelers
_FIND = sa.select(_TABLE).where(_TABLE.c.token_sha256 == sa.bindparam("of_token"))
_LOCK = _FIND.with_for_update()
_MAX_TOGETHER = 1000  # digests in one statement


def find(connection: sa.Connection, token_sha256: str) -> Labeler | None:
    """Return the holder of a token."""
    row = connection.execute(_FIND, {"of_token": token_sha256}).one_or_none()
    return None if row is None else _known(row).labeler


def find_known(connection: sa.Connection, digests: Collection[str]) -> set[str]:
    """Return which SHA-256 are those of known tokens."""
    known = set[str]()
    asked = sorted(digests)
    for first in range(0, len(asked), _MAX_TOGETHER):
        some = asked[first : first + _MAX_TOGETHER]
        found = sa.select(_TABLE.c.token_sha256).where(_TABLE.c.token_sha256.in_(some))
        known.update(connection.execute(found).scalars())
    return known


def lock_token(connection: sa.Connection, token_sha256: str) -> bool:
    """Return whether a token is known, locked until the transaction ends."""
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
    return _known(row)


def list_known(connection: sa.Connection, *, after: str, count: int) -> list[KnownLabeler]:
    """Return up to ``count`` labelers in order of labeler_id, those after ``after``."""
    page = sa.select(_TABLE).where(_TABLE.c.labeler_id > after).order_by(_TABLE.c.labeler_id).limit(count)
    return [_known(row) for row in connection.execute(page)]


def add(connection: sa.Connection, labeler: Labeler, *, token_sha256: str, is_revoked: bool = False) -> None:
    """Add a labeler."""
    now_ms = clock.now_ms(connection)
    connection.execute(
        sa.insert(_TABLE).values(
            labeler_id=labeler.labeler_id,
            name=labeler.name,
            role=labeler.role.value,
            token_sha256=token_sha256,
            created_ms=now_ms,
            revoked_ms=now_ms if is_revoked else 0,
        )
    )


def make_known(connection: sa.Connection, known: Sequence[tuple[Labeler, str]]) -> None:
    """Add labelers with the SHA-256 of their tokens; a known one gets the new token."""
    for labeler, token_sha256 in known:
        if not _set_token(connection, labeler.labeler_id, token_sha256=token_sha256, revoked_ms=0):
            add(connection, labeler, token_sha256=token_sha256)


def has_owner(connection: sa.Connection) -> bool:
    """Return whether there is an owner."""
    owners = sa.select(sa.exists().where(_TABLE.c.role == Role.OWNER.value, _TABLE.c.revoked_ms == 0))
    return bool(connection.execute(owners).scalar_one())


def rotate(connection: sa.Connection, labeler_id: str, *, token_sha256: str) -> None:
    """Replace a labeler's token, revoked or not.

    Raises:
        NotFoundError: there is no such labeler.
    """
    if not _set_token(connection, labeler_id, token_sha256=token_sha256, revoked_ms=0):
        raise NotFoundError(f"there is no labeler {labeler_id!r}")


def revoke(connection: sa.Connection, labeler_id: str) -> bool:
    """Revoke a labeler's token and end its live leases; return whether it had a token.

    Raises:
        NotFoundError: there is no such labeler.
        FailedPreconditionError: it is the last owner.
    """
    _lock_owners(connection)
    known = read(connection, labeler_id)
    if known.revoked_ms:
        return False
    now_ms = clock.now_ms(connection)
    _set_token(connection, labeler_id, token_sha256=no_token(), revoked_ms=now_ms)
    if not has_owner(connection):
        raise FailedPreconditionError(f"{labeler_id!r} is the last owner; invite another one first")
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


def _lock_owners(connection: sa.Connection) -> None:
    """Lock the owners, so that two can't revoke each other at the same time."""
    connection.execute(
        sa.select(_TABLE.c.labeler_id)
        .where(_TABLE.c.role == Role.OWNER.value)
        .order_by(_TABLE.c.labeler_id)
        .with_for_update()
    ).all()


def _known(row: schema.Row) -> KnownLabeler:
    return KnownLabeler(
        labeler=Labeler(labeler_id=row.labeler_id, name=row.name, role=Role(row.role)),
        created_ms=row.created_ms,
        revoked_ms=row.revoked_ms,
    )
