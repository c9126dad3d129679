"""Takes the rows of an export in again."""

from __future__ import annotations

from collections.abc import Sequence

from services.labeler.changes import Changes
from services.labeler.oversight import MAX_REASON, MAX_WEIGHT
from services.labeler.records import Labeler, PreferenceRecord, WeightChange
from services.labeler.run_changes import MAX_TARGET
from services.labeler.store import Database, gold, importing
from somersault.errors import InvalidInputError
from somersault.types import Role, check_name

__all__ = ["Importing"]

MAX_ROWS = 1000
_LogRow = PreferenceRecord | WeightChange


class Importing:
    """Takes rows in, each once however often it comes."""

    def __init__(self, database: Database, *, log_grew: Changes) -> None:
        """Takes the database and what to tell of new rows."""
        self._database = database
        self._log_grew = log_grew

    async def take(self, by: Labeler, run_id: str, rows: Sequence[_LogRow]) -> tuple[int, int]:
        """Takes rows in by their position; gives how many are new and how many were known. All of them or none.

        Raises:
            InvalidInputError: there are too many, or one is of another run, malformed, or does not follow the newest version.
            NotFoundError: the run is unknown.
            AlreadyExistsError: a name stands for something else here.
        """
        if not 1 <= len(rows) <= MAX_ROWS:
            raise InvalidInputError("number of rows", len(rows), f"1 to {MAX_ROWS}")
        for row in rows:
            _check(row, run_id)
        ordered = sorted(rows, key=lambda row: row.cursor)
        num_new = await self._database.write(
            lambda connection: importing.take(connection, by, run_id, ordered)
        )
        self._log_grew.announce()
        return num_new, len(rows) - num_new


def _check(row: _LogRow, run_id: str) -> None:
    if row.run_id != run_id:
        raise InvalidInputError(
            f"run_id of row {row.cursor}", row.run_id, f"{run_id!r}, which the rows go into"
        )
    check_name("labeler_id", row.labeler_id)
    _check_bound("weight", row.weight, MAX_WEIGHT)
    if isinstance(row, WeightChange):
        check_name("change_id", row.change_id)
        _check_bound("length of reason", len(row.reason), MAX_REASON)
        _check_bound("length of changed_by", len(row.changed_by), 64)
        return
    check_name("query_id", row.query_id)
    check_name("answer_id", row.answer_id)
    if row.labeler_role not in (Role.LABELER, Role.TEACHER):
        raise InvalidInputError("labeler_role", row.labeler_role.value, "labeler or teacher")
    if row.left.segment_id == row.right.segment_id:
        raise InvalidInputError("right.segment_id", row.right.segment_id, "another than the left's")
    if row.version < 1:
        raise InvalidInputError("version", row.version, "at least 1")
    if row.is_gold and (row.gold_kind not in gold.KINDS or not row.is_extra):
        raise InvalidInputError("gold_kind", row.gold_kind, f"one of {', '.join(gold.KINDS)}, with is_extra")
    _check_bound("target_answers", row.target_answers, MAX_TARGET + 1)
    _check_bound("response_ms", row.response_ms, 24 * 3_600_000)
    _check_bound("guidelines_version", row.guidelines_version, 2**31)


def _check_bound(field: str, value: float, most: float) -> None:
    if not 0 <= value <= most:
        raise InvalidInputError(field, value, f"0 to {most:g}")
