"""Which queries are open, which are answered, and which rows of the preference log are still to be learned."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from services.reward.feedback.preference_log import Answer, LogRow

__all__ = ["Ledger"]


class Ledger:
    """The reward service's own account of its queries. It can be rebuilt from the labeler's at any time."""

    def __init__(self, *, num_given: int = 0) -> None:
        """Start with nothing asked.

        Args:
            num_given: How many queries were answered elsewhere before the run began: the first of the log.
        """
        self._num_given = num_given
        self._given: set[str] = set()
        self._open: dict[str, None] = {}
        """In the order in which they were asked."""
        self._skipped: set[str] = set()
        """Open ones that somebody has skipped: they may still be answered, others are asked beside them."""
        self._answered: set[str] = set()
        self._unfilled: set[str] = set()
        self._filled: set[str] = set()
        self._to_learn: list[LogRow] = []

    @property
    def num_open(self) -> int:
        """Queries proposed and not yet answered."""
        return len(self._open)

    @property
    def num_ready(self) -> int:
        """Those of them that nobody has skipped, so that whoever labels has one."""
        return len(self._open.keys() - self._skipped)

    @property
    def num_unfilled(self) -> int:
        """Queries that lack some or all of the answers that they want; those skipped aren't waited for."""
        return len(self._unfilled - self._skipped)

    @property
    def num_answered(self) -> int:
        """Queries answered, each counted once however many answered it and however often they revised."""
        return len(self._answered)

    @property
    def num_asked(self) -> int:
        """Queries that count against the budget: those taken back don't, nor those skipped until they are answered."""
        return self.num_ready + len(self._answered)

    @property
    def newest_cursor(self) -> int:
        """The newest row of the preference log that is still to be learned; 0 if there is none."""
        return max((row.cursor for row in self._to_learn), default=0)

    def ask(self, query_ids: Iterable[str]) -> None:
        """Notes queries as open, unless they are answered already."""
        asked = dict.fromkeys(query_ids)
        self._open.update((query_id, None) for query_id in asked if query_id not in self._answered)
        self._unfilled.update(asked.keys() - self._filled)

    def take(self, row: LogRow) -> None:
        """Notes a row that is to be learned. Extras, gold among them, teach nothing and answer no query of ours."""
        if isinstance(row, Answer) and row.is_extra:
            return
        self.note_learned(row)
        if isinstance(row, Answer) and row.query_id in self._given:
            row = dataclasses.replace(row, is_given=True)
        self._to_learn.append(row)

    def note_learned(self, row: LogRow) -> None:
        """Notes a row that was learned before a restart."""
        if isinstance(row, Answer) and not row.is_extra:
            self._open.pop(row.query_id, None)
            self._answered.add(row.query_id)
            if len(self._given) < self._num_given:
                self._given.add(row.query_id)
            if row.fills_query:
                self._unfilled.discard(row.query_id)
                self._filled.add(row.query_id)

    def drop(self, query_ids: Iterable[str]) -> int:
        """Forget queries that are withdrawn or failed, and return how many were open."""
        num_before, gone = len(self._open), set(query_ids)
        self._open = {query_id: None for query_id in self._open if query_id not in gone}
        self._unfilled -= gone
        return num_before - len(self._open)

    def skip(self, query_ids: Iterable[str]) -> int:
        """Note queries that somebody skipped, and return how many of them that is news of."""
        num_before = len(self._skipped)
        self._skipped |= set(query_ids) & self._unfilled
        return len(self._skipped) - num_before

    def surplus(self, budget: int) -> list[str]:
        """Return the open queries that are too many for a budget: those asked last, and once it is used up all."""
        if len(self._answered) >= budget:
            return list(self._open)
        ready = [query_id for query_id in self._open if query_id not in self._skipped]
        return ready[budget - len(self._answered) :]

    def to_learn(self) -> list[LogRow]:
        """Gives the rows that are still to be learned, in the order of the preference log."""
        return list(self._to_learn)

    def to_learn_in_fixed_order(self) -> list[LogRow]:
        """Return them in an order that does not depend on who answered faster.

        What the run was given first, whose segments' names have nothing to do with its own; then by segments, labeler,
        version. Changes of weight come last.
        """
        return sorted(self._to_learn, key=_fixed_order)

    def learned(self, rows: Sequence[LogRow]) -> None:
        """Forgets rows that are learned now."""
        cursors = {row.cursor for row in rows}
        self._to_learn = [row for row in self._to_learn if row.cursor not in cursors]


def _fixed_order(row: LogRow) -> tuple[bool, bool, str, str, str, int]:
    if not isinstance(row, Answer):
        return True, True, "", "", "", row.cursor
    first, second = row.ordered
    return False, not row.is_given, first.segment_id, second.segment_id, row.labeler_id, row.version
