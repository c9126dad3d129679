"""Import of an export's rows."""

from __future__ import annotations

from collections.abc import Sequence

from services.labeler.database import Database
from services.labeler.feedback import import_repository
from services.labeler.model.labelers import Labeler
from somersault.domain.preference_log import PreferenceRecord, WeightChange
from somersault.errors import InvalidInputError
from somersault.rpc import Notifier

__all__ = ["LogImport"]

MAX_ROWS = 1000
_LogRow = PreferenceRecord | WeightChange


class LogImport:
    """Imports rows, each once however often it is sent."""

    def __init__(self, database: Database, *, log_grew: Notifier) -> None:
        """Take the database, and what to notify of new rows."""
        self._database = database
        self._log_grew = log_grew

    async def add(self, by: Labeler, run_id: str, rows: Sequence[_LogRow]) -> tuple[int, int]:
        """Import all of some rows, in log order, or none; return how many are new and how many were known.

        Raises:
            InvalidInputError: there are too many, one is of another run, or one isn't the next version.
            NotFoundError: the run is unknown.
            AlreadyExistsError: a name already stands for something else.
        """
        if not 1 <= len(rows) <= MAX_ROWS:
            raise InvalidInputError("number of rows", len(rows), f"1 to {MAX_ROWS}")
        for row in rows:
            if row.run_id != run_id:
                bound = f"{run_id!r}, the run to import into"
                raise InvalidInputError(f"run_id of row {row.cursor}", row.run_id, bound)
        ordered = sorted(rows, key=lambda row: row.cursor)
        num_new = await self._database.write(
            lambda connection: import_repository.take(connection, by, run_id, ordered)
        )
        self._log_grew.notify()
        return num_new, len(rows) - num_new
