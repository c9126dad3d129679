"""Who may call, found by the SHA-256 of a token: equal work whether a guess is nearly right or not."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.labeler.records import Labeler
from services.labeler.store import clock, schema
from somersault.types import Role

__all__ = ["add", "find", "has_owner", "make_known"]

_TABLE = schema.labelers
_FIND = sa.select(_TABLE).where(_TABLE.c.token_sha256 == sa.bindparam("of_token"))


def find(connection: sa.Connection, token_sha256: str) -> Labeler | None:
    """Gives the holder of a token."""
    row = connection.execute(_FIND, {"of_token": token_sha256}).one_or_none()
    if row is None:
        return None
    return Labeler(labeler_id=row.labeler_id, name=row.name, role=Role(row.role))


def add(connection: sa.Connection, labeler: Labeler, *, token_sha256: str) -> None:
    """Adds a labeler."""
    connection.execute(
        sa.insert(_TABLE).values(
            labeler_id=labeler.labeler_id,
            name=labeler.name,
            role=labeler.role.value,
            token_sha256=token_sha256,
            created_ms=clock.now_ms(connection),
        )
    )


def make_known(connection: sa.Connection, known: Sequence[tuple[Labeler, str]]) -> None:
    """Adds labelers with the SHA-256 of their tokens; one whose id is known gets the new token."""
    for labeler, token_sha256 in known:
        changed = connection.execute(
            sa.update(_TABLE)
            .where(_TABLE.c.labeler_id == labeler.labeler_id)
            .values(token_sha256=token_sha256)
        )
        if changed.rowcount == 0:
            add(connection, labeler, token_sha256=token_sha256)


def has_owner(connection: sa.Connection) -> bool:
    """Says whether anybody owns the runs."""
    owners = sa.select(sa.exists().where(_TABLE.c.role == Role.OWNER.value))
    return bool(connection.execute(owners).scalar_one())
