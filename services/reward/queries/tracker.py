"""Which queries are open, which of them still lack answers, and how many count against the budget."""

from __future__ import annotations

from collections.abc import Iterable

from services.reward.feedback.preference_log import Answer

__all__ = ["QueryTracker"]


class QueryTracker:
    """The reward service's own account of its queries. It can be rebuilt from the labeler's at any time."""

    def __init__(self, *, num_given: int = 0) -> None:
        """Start with nothing asked.

        Args:
            num_given: how many queries were answered elsewhere before the run began; they come first in the log.
        """
        self._num_given = num_given
        self._given: set[str] = set()
        self._open: dict[str, None] = {}
        """In the order in which they were asked."""
        self._skipped: set[str] = set()
        """Open ones that some labeler has skipped: they may still be answered, and others are asked beside them."""
        self._answered: set[str] = set()
        self._unfilled: set[str] = set()
        self._filled: set[str] = set()

    @property
    def num_open(self) -> int:
        """Queries proposed and not yet answered."""
        return len(self._open)

    @property
    def num_ready(self) -> int:
        """Open queries that have not been skipped, so that any labeler can be given one."""
        return len(self._open.keys() - self._skipped)

    @property
    def num_unfilled(self) -> int:
        """Queries that lack some or all of the answers they want, except those skipped, which are not waited for."""
        return len(self._unfilled - self._skipped)

    @property
    def num_answered(self) -> int:
        """Queries answered, each counted once however many labelers answered it and however often they revised."""
        return len(self._answered)

    @property
    def num_asked(self) -> int:
        """Queries that count against the budget: not those withdrawn, nor those skipped until they are answered."""
        return self.num_ready + len(self._answered)

    def ask(self, query_ids: Iterable[str]) -> None:
        """Record queries as open, unless they have been answered already."""
        asked = dict.fromkeys(query_ids)
        self._open.update((query_id, None) for query_id in asked if query_id not in self._answered)
        self._unfilled.update(asked.keys() - self._filled)

    def note_answer(self, answer: Answer) -> None:
        """Record an answer. Extras, gold among them, answer none of these queries."""
        if answer.is_extra:
            return
        self._open.pop(answer.query_id, None)
        self._answered.add(answer.query_id)
        if len(self._given) < self._num_given:
            self._given.add(answer.query_id)
        if answer.fills_query:
            self._unfilled.discard(answer.query_id)
            self._filled.add(answer.query_id)

    def is_given(self, query_id: str) -> bool:
        """Return whether a query was answered elsewhere before the run began."""
        return query_id in self._given

    def drop(self, query_ids: Iterable[str]) -> int:
        """Forget queries that were withdrawn or failed, and return how many of them were open."""
        num_before, gone = len(self._open), set(query_ids)
        self._open = {query_id: None for query_id in self._open if query_id not in gone}
        self._unfilled -= gone
        return num_before - len(self._open)

    def skip(self, query_ids: Iterable[str]) -> int:
        """Record queries that some labeler skipped, and return how many had not been recorded before."""
        num_before = len(self._skipped)
        self._skipped |= set(query_ids) & self._unfilled
        return len(self._skipped) - num_before

    def surplus(self, budget: int) -> list[str]:
        """Return the open queries that exceed a budget: those asked last, or all of them once it is used up."""
        if len(self._answered) >= budget:
            return list(self._open)
        ready = [query_id for query_id in self._open if query_id not in self._skipped]
        return ready[budget - len(self._answered) :]
