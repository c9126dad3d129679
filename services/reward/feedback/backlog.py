"""Rows of the preference log that are still to be learned."""

from __future__ import annotations

from collections.abc import Sequence

from services.reward.feedback.preference_log import Answer, LogRow

__all__ = ["Backlog"]


class Backlog:
    """Holds the rows between their arrival and the round of training that learns them."""

    def __init__(self) -> None:
        self._rows: list[LogRow] = []

    def add(self, row: LogRow) -> None:
        """Add a row that is to be learned."""
        self._rows.append(row)

    def rows(self) -> list[LogRow]:
        """Return the rows in the order of the preference log."""
        return list(self._rows)

    def rows_in_fixed_order(self) -> list[LogRow]:
        """Return the rows in an order that does not depend on who answered faster.

        What the run was given comes first, because the names of its segments have nothing to do with the run's own; the
        rest are ordered by segments, labeler and version. Changes of weight come last.
        """
        return sorted(self._rows, key=_fixed_order)

    def remove(self, rows: Sequence[LogRow]) -> None:
        """Remove rows that have been learned."""
        cursors = {row.cursor for row in rows}
        self._rows = [row for row in self._rows if row.cursor not in cursors]


def _fixed_order(row: LogRow) -> tuple[bool, bool, str, str, str, int]:
    if not isinstance(row, Answer):
        return True, True, "", "", "", row.cursor
    first, second = row.ordered
    return False, not row.is_given, first.segment_id, second.segment_id, row.labeler_id, row.version
