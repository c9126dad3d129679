"""The audit log as owners read it; `audit_repository` adds rows in the transaction of each change."""

from __future__ import annotations

from collections.abc import Sequence

from services.labeler.database import Database
from services.labeler.model import list_pages
from services.labeler.model.labelers import Labeler
from services.labeler.model.oversight import AuditEntry
from services.labeler.oversight import audit_repository

__all__ = ["AuditLog"]


class AuditLog:
    """Lists what was changed, and by whom."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def list_newest(
        self, by: Labeler, *, run_id: str, is_without_services: bool, page_size: int, page_token: str
    ) -> tuple[Sequence[AuditEntry], str]:
        """Return a page of changes, newest first, and the token of the next one.

        Raises:
            InvalidInputError: the size is out of bounds, or the token is invalid.
        """
        page_size, before = list_pages.size(page_size), list_pages.start(page_token)
        found = await self._database.read(
            lambda connection: audit_repository.list_newest(
                connection,
                by,
                run_id=run_id,
                is_without_services=is_without_services,
                before_number=before,
                page_size=page_size + 1,
            )
        )
        page = found[:page_size]
        return page, str(page[-1].number) if len(found) > page_size else ""
