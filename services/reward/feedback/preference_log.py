"""Rows of the preference log, as far as training needs them."""

from __future__ import annotations

from dataclasses import dataclass

from somersault.domain.feedback import Preference
from somersault.domain.trajectory import StoredSegment

__all__ = ["Answer", "LogPosition", "LogRow", "WeightChange", "mu_of"]

_MU = {Preference.LEFT: 1.0, Preference.RIGHT: 0.0, Preference.EQUAL: 0.5, Preference.INCOMPARABLE: None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A row that answers a query, or revises an earlier answer."""

    cursor: int
    """Numbers the row in the log."""
    query_id: str
    answer_id: str
    version: int
    """1 for the first answer, more for its revisions."""
    preference: Preference
    left: StoredSegment
    right: StoredSegment
    labeler_id: str
    is_extra: bool
    """Kept but never trained on: it came after its query had all its answers, or its query was gold."""
    fills_query: bool = True
    """Whether this answer is the last that its query wants."""
    is_given: bool = False
    """Whether it was there before the run began, so that nothing predicted it and its segments have names from elsewhere."""
    commit_id: str = ""
    """Tells it from another row that the log had there before it went back; empty if the labeler says nothing."""

    @property
    def ordered(self) -> tuple[StoredSegment, StoredSegment]:
        """Both segments in an order that does not depend on which side the server drew.

        This keeps a run a function of its seed: cropping and bootstraps see the same rows whichever was on the left.
        """
        first, second = sorted((self.left, self.right), key=lambda stored: stored.segment_id)
        return first, second


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightChange:
    """A row that says how much a labeler's answers count from now on, earlier ones included."""

    cursor: int
    """Numbers the row in the log."""
    labeler_id: str
    weight: float
    """0 leaves the answers out, 1 is the usual weight."""
    commit_id: str = ""
    """As in `Answer`."""


LogRow = Answer | WeightChange
"""Any row of the preference log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """A position of the log, and which row was there: of a log that went back since, another one may be there now."""

    cursor: int = 0
    commit_id: str = ""
    """Empty at 0, and if it is unknown."""

    @classmethod
    def of(cls, row: LogRow) -> LogPosition:
        """Return the position of a row."""
        return cls(cursor=row.cursor, commit_id=row.commit_id)

    def is_at(self, row: LogRow) -> bool:
        """Return whether the row at this position is still the one that was there, as far as is known."""
        return not self.commit_id or not row.commit_id or self.commit_id == row.commit_id


def mu_of(answer: Answer) -> float | None:
    """Return the weight of the preference on the first segment of ``answer.ordered``; None if they can't be compared.

    Christiano et al. 2017, section 2.2.2: (1, 0), (0, 1), or (1/2, 1/2).
    """
    mu = _MU[answer.preference]
    if mu is None:
        return None
    is_left_first = answer.ordered[0] == answer.left
    return mu if is_left_first else 1.0 - mu
