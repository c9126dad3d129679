"""Which queries are open, which are answered, and which answers are still to be learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.reward.answers import Answer

__all__ = ["Ledger"]


class Ledger:
    """The reward service's own account of its queries. It can be rebuilt from the labeler's at any time."""

    def __init__(self) -> None:
        """Starts with nothing asked."""
        self._open: set[str] = set()
        self._answered: set[str] = set()
        self._to_learn: list[Answer] = []

    @property
    def open(self) -> list[str]:
        """Queries proposed and not yet answered, in the order of their ids."""
        return sorted(self._open)

    @property
    def num_open(self) -> int:
        """Queries proposed and not yet answered."""
        return len(self._open)

    @property
    def num_answered(self) -> int:
        """Queries answered, each counted once however often it was revised."""
        return len(self._answered)

    @property
    def num_asked(self) -> int:
        """Queries that count against the budget: those taken back don't."""
        return len(self._open) + len(self._answered)

    @property
    def newest_cursor(self) -> int:
        """The newest row of the preference log among the answers that are still to be learned; 0 if there is none."""
        return max((answer.cursor for answer in self._to_learn), default=0)

    def ask(self, query_ids: Iterable[str]) -> None:
        """Notes queries as open, unless they are answered already."""
        self._open.update(set(query_ids) - self._answered)

    def take(self, answer: Answer) -> None:
        """Notes an answer that is to be learned."""
        self.note_learned(answer)
        self._to_learn.append(answer)

    def note_learned(self, answer: Answer) -> None:
        """Notes an answer that was learned before a restart."""
        self._open.discard(answer.query_id)
        self._answered.add(answer.query_id)

    def keep_open(self, query_ids: Iterable[str]) -> int:
        """Counts as open only these, and gives how many no longer are."""
        before = len(self._open)
        self._open &= set(query_ids)
        return before - len(self._open)

    def to_learn(self) -> list[Answer]:
        """Gives the answers that are still to be learned, in the order of the preference log."""
        return list(self._to_learn)

    def to_learn_in_fixed_order(self) -> list[Answer]:
        """Gives them in an order that does not depend on who answered faster: by segments, then version."""
        return sorted(self._to_learn, key=_fixed_order)

    def learned(self, answers: Sequence[Answer]) -> None:
        """Forgets answers that are learned now."""
        cursors = {answer.cursor for answer in answers}
        self._to_learn = [answer for answer in self._to_learn if answer.cursor not in cursors]


def _fixed_order(answer: Answer) -> tuple[str, str, int]:
    first, second = answer.ordered
    return first.segment_id, second.segment_id, answer.version
