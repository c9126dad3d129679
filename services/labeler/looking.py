"""Looks for work once for all who wait for the same, so that hundreds may wait at the cost of one."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from services.labeler.changes import POLL_S, Changes
from services.labeler.records import Labeler
from services.labeler.store import Database, open_queries
from somersault.types import Role

__all__ = ["Looks"]

_GOOD_FOR_S = POLL_S / 2
_MAX_REMEMBERED = 1000  # runs asked for, known or not


@dataclass(frozen=True, slots=True)
class _Look:
    change: asyncio.Event
    """The next change when it began: once that has happened, it is out of date."""
    begin_s: float
    found: asyncio.Task[bool]


class Looks:
    """Says whether there may be a query to lease. Used from one event loop."""

    def __init__(self, database: Database, *, queries_changed: Changes) -> None:
        """Takes the database and what tells of new queries."""
        self._database = database
        self._queries_changed = queries_changed
        self._newest: dict[tuple[Role, str | None], _Look] = {}

    async def has_any(self, labeler: Labeler, *, run_id: str | None) -> bool:
        """Says whether there is a query that the labeler may lease, as it was a quarter of a second ago at most.

        First whether there is one for anybody of its role, which all who wait share; only then for itself.
        """
        if not await self._has_any_for(labeler.role, run_id):
            return False
        return await self._database.read(
            lambda connection: open_queries.has_any(connection, labeler, run_id=run_id)
        )

    async def _has_any_for(self, role: Role, run_id: str | None) -> bool:
        look, now_s = self._newest.get((role, run_id)), time.monotonic()
        if look is None or look.change.is_set() or now_s - look.begin_s > _GOOD_FOR_S:
            if len(self._newest) >= _MAX_REMEMBERED:
                self._newest.clear()
            found = asyncio.create_task(self._look(role, run_id))
            look = self._newest[role, run_id] = _Look(self._queries_changed.next, now_s, found)
        # Who gives up waiting must not take the answer from the others.
        return await asyncio.shield(look.found)

    async def _look(self, role: Role, run_id: str | None) -> bool:
        somebody = Labeler(labeler_id="", name="", role=role)  # who has answered nothing yet
        return await self._database.read(
            lambda connection: open_queries.has_any(connection, somebody, run_id=run_id)
        )
