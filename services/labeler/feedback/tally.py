"""How a query was answered, counted by kind; and what follows from the counts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from somersault.domain.feedback import Preference

__all__ = ["Tally"]

_FIELDS = {preference: f"num_{preference.value}" for preference in Preference}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Holds the numbers of a query's counted answers, newest versions."""

    num_left: int = 0
    num_right: int = 0
    num_equal: int = 0
    num_incomparable: int = 0

    @property
    def num_answers(self) -> int:
        """All of them."""
        return self.num_left + self.num_right + self.num_equal + self.num_incomparable

    @property
    def is_split(self) -> bool:
        """Says whether not all are the same."""
        most = max(self.num_left, self.num_right, self.num_equal, self.num_incomparable)
        return most < self.num_answers

    @property
    def is_unanimous(self) -> bool:
        """Says whether two or more labelers all said left, or all right."""
        return self.num_answers >= 2 and self.num_answers in (self.num_left, self.num_right)

    def plus(self, preference: Preference, count: int = 1) -> Tally:
        """Gives the tally with one more answer, or ``count`` more."""
        field = _FIELDS[preference]
        return dataclasses.replace(self, **{field: getattr(self, field) + count})
