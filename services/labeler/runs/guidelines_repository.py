"""A run's guidelines for its labelers, in versions that never change."""

from __future__ import annotations

import sqlalchemy as sa

from services.labeler.database import clock, counters, schema
from services.labeler.model.labelers import Labeler
from services.labeler.model.runs import Guidelines
from services.labeler.oversight import audit_repository
from services.labeler.runs import run_repository
from somersault.errors import NotFoundError

__all__ = ["add", "read"]

_TABLE = schema.guidelines


def add(connection: sa.Connection, by: Labeler, run_id: str, text: str) -> int:
    """Add a version unless the newest one has the same text; return the newest one's number.

    Raises:
        NotFoundError: the run is unknown.
    """
    run_repository.read(connection, run_id)
    counters.add_to_run(connection, run_id, {})  # locks the run, so that two owners' versions don't collide
    newest = run_repository.read(connection, run_id).guidelines_version
    if newest and read(connection, run_id, newest).text == text:
        return newest
    version = newest + 1
    row = {"run_id": run_id, "version": version, "text": text, "created_ms": clock.now_ms(connection)}
    connection.execute(sa.insert(_TABLE), row)
    run_repository.update(connection, run_id, guidelines_version=version)
    audit_repository.add(connection, by, "SetGuidelines", run_id=run_id, what=run_id, version=version)
    return version


def read(connection: sa.Connection, run_id: str, version: int) -> Guidelines:
    """Return a version, the newest for 0.

    Raises:
        NotFoundError: there is none, or the run is unknown.
    """
    number = version or run_repository.read(connection, run_id).guidelines_version
    row = connection.execute(
        sa.select(_TABLE).where(_TABLE.c.run_id == run_id, _TABLE.c.version == number)
    ).one_or_none()
    if row is None:
        raise NotFoundError(f"run {run_id!r} has no version {version or 'any'} of guidelines")
    return Guidelines(version=row.version, text=row.text, created_ms=row.created_ms)
