"""A run's answers, from the database of its labeler, opened read-only."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from somersault.errors import CorruptDataError
from somersault.runs.database import open_database
from somersault.runs.run import Run

__all__ = ["LabelRow", "read_label_rows"]

# One row per answer, in its newest version. The columns are those of the first released database, so that older and
# newer ones can both be read.
_QUERY = """
SELECT answers.answer_id, queries.query_id, queries.left_segment_id, queries.right_segment_id, answers.preference,
       labelers.labeler_id, labelers.name, labelers.role, answers.newest_version, answers.is_extra, answers.is_gold,
       answers.response_ms, answers.answered_ms
FROM answers
JOIN queries ON queries.number = answers.query_number
JOIN labelers ON labelers.labeler_id = answers.labeler_id
ORDER BY answers.number
"""


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One answer in its newest revision. Left and right are the sides of its query."""

    answer_id: str
    query_id: str
    left_segment_id: str
    right_segment_id: str
    preference: str
    """``left``, ``right``, ``equal`` or ``incomparable``."""
    labeler_id: str
    labeler_name: str
    labeler_role: str
    """``labeler`` or ``teacher``."""
    version: int
    """1, plus 1 for each revision."""
    is_extra: bool
    """Came after the query had all the answers it needed; not learned from."""
    is_gold: bool
    """Asked to measure the labeler; not learned from."""
    response_ms: int
    """Time from the pair's appearance to the answer; 0 if the client didn't say."""
    answered_ms: int
    """When it was given, in milliseconds since 1970."""


def read_label_rows(run: Run) -> list[LabelRow]:
    """Read all answers of a run, oldest first; there are none in a reference run.

    Raises:
        CorruptDataError: the database can't be read.
    """
    if not run.labels.is_file():
        return []
    try:
        with open_database(run.labels) as database:
            rows = database.execute(_QUERY).fetchall()
    except sqlite3.Error as error:
        raise CorruptDataError(f"{run.labels} can't be read: {error}") from error
    return [_row(row) for row in rows]


def _row(values: Sequence[Any]) -> LabelRow:
    row = dict(zip(LabelRow.__slots__, values, strict=True))
    return LabelRow(**row | {name: bool(row[name]) for name in ("is_extra", "is_gold")})
