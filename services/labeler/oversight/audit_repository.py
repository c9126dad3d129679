"""The audit log of what owners and services changed: rows are added with the change, and triggers refuse to alter them."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.model.labelers import Labeler
from services.labeler.model.oversight import AuditEntry
from somersault.domain.roles import Role
from somersault.formats.strict_json import dump_json

__all__ = ["add", "list_newest"]

_TABLE = schema.audit_log


def add(
    connection: sa.Connection,
    by: Labeler,
    action: str,
    *,
    run_id: str = "",
    what: str = "",
    **detail: object,
) -> None:
    """Add a row.

    Args:
        connection: The transaction of the change.
        by: Who made it.
        action: The rpc.
        run_id: The run; empty if none is concerned.
        what: The thing changed.
        **detail: Its new values. Never a token.
    """
    row = {
        "commit_ms": clock.now_ms(connection),
        "labeler_id": by.labeler_id,
        "role": by.role.value,
        "action": action,
        "run_id": run_id,
        "object": what,
        "detail": dump_json(detail, ensure_ascii=False, sort_keys=True),
    }
    connection.execute(sa.insert(_TABLE), row)


def list_newest(
    connection: sa.Connection,
    by: Labeler,
    *,
    run_id: str,
    is_without_services: bool,
    before_number: int | None,
    page_size: int,
) -> Sequence[AuditEntry]:
    """Return rows, newest first, at most ``page_size``: of a run, or without one of all of the caller's and its own."""
    page = sa.select(_TABLE).order_by(_TABLE.c.number.desc()).limit(page_size)
    if by.runs is not None:
        is_own = _TABLE.c.run_id.in_(sorted(by.runs))
        page = page.where(sa.or_(is_own, (_TABLE.c.run_id == "") & (_TABLE.c.labeler_id == by.labeler_id)))
    if run_id:
        page = page.where(_TABLE.c.run_id == run_id)
    if is_without_services:
        page = page.where(_TABLE.c.role != Role.SERVICE.value)
    if before_number is not None:
        page = page.where(_TABLE.c.number < before_number)
    return [
        AuditEntry(
            number=row.number,
            commit_ms=row.commit_ms,
            labeler_id=row.labeler_id,
            role=Role(row.role),
            action=row.action,
            run_id=row.run_id,
            what=row.object,
            detail=row.detail,
        )
        for row in connection.execute(page)
    ]
