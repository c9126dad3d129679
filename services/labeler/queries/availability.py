"""Whether there is a query to lease, looked up once for all who wait for the same."""

from __future__ import annotations

from services.labeler.database import Database
from services.labeler.model.labelers import Labeler
from services.labeler.model.run_state import RunState
from services.labeler.queries import open_query_repository
from services.labeler.runs import run_repository
from services.labeler.shared_reads import SharedReads
from somersault.rpc import Notifier

__all__ = ["QueryAvailability"]


class QueryAvailability:
    """Looks up whether there may be a query to lease. Used from one event loop."""

    def __init__(self, database: Database, *, queries_changed: Notifier) -> None:
        """Take the database, and what notifies of new queries."""
        self._database = database
        self._shared: SharedReads[bool] = SharedReads(queries_changed)
        self._states: SharedReads[RunState | None] = SharedReads(queries_changed)

    async def has_any(self, labeler: Labeler, *, run_id: str | None) -> bool:
        """Return whether there is a query that the labeler may lease.

        Looks first for any labeler of its role, a read that all who wait share, and only then for this one.
        """
        anyone = Labeler(labeler_id="", name="", role=labeler.role, runs=None)  # with no answers yet
        key = (labeler.role, run_id)
        if not await self._shared.get(key, lambda: self._look(anyone, run_id)):
            return False
        return await self._look(labeler, run_id)

    async def state(self, run_id: str) -> RunState | None:
        """Return where a run is in its life; None if it is unknown."""
        return await self._states.get(
            run_id,
            lambda: self._database.read(lambda connection: run_repository.find_state(connection, run_id)),
        )

    async def _look(self, labeler: Labeler, run_id: str | None) -> bool:
        return await self._database.read(
            lambda connection: open_query_repository.has_any(connection, labeler, run_id=run_id)
        )
