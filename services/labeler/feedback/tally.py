"""A query's answers counted by kind, and what follows from the counts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from somersault.domain.feedback import Preference

__all__ = ["Tally"]

_FIELDS = {preference: f"num_{preference.value}" for preference in Preference}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The numbers of a query's counted answers, in their newest versions."""

    num_left: int = 0
    num_right: int = 0
    num_equal: int = 0
    num_incomparable: int = 0

    @property
    def num_answers(self) -> int:
        """The number of answers of any kind."""
        return self.num_left + self.num_right + self.num_equal + self.num_incomparable

    @property
    def is_split(self) -> bool:
        """Whether the answers differ."""
        most = max(self.num_left, self.num_right, self.num_equal, self.num_incomparable)
        return most < self.num_answers

    @property
    def is_unanimous(self) -> bool:
        """Whether there are two or more answers, all left or all right."""
        return self.num_answers >= 2 and self.num_answers in (self.num_left, self.num_right)

    def plus(self, preference: Preference, count: int = 1) -> Tally:
        """Return the tally with one more answer, or ``count`` more."""
        field = _FIELDS[preference]
        return dataclasses.replace(self, **{field: getattr(self, field) + count})
