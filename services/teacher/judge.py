"""A teacher's judgement of two segments: a rule, and chance that is a function of the run's seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from services.teacher import rules
from services.teacher.custom_function import OwnFunction
from services.teacher.sealed import SealedPart
from somersault.domain.feedback import Preference
from somersault.domain.teacher_kinds import WeightedKind, is_function, parse_teacher

__all__ = ["Judge", "Rule", "open_judge"]

Rule = Callable[[SealedPart, SealedPart, np.random.Generator], Preference]
"""Prefers the first segment (left), the second (right), or neither."""

_SWAPPED = {Preference.LEFT: Preference.RIGHT, Preference.RIGHT: Preference.LEFT}


class Judge:
    """Answers a pair always the same way: whatever was asked before, on whichever sides, in whichever life.

    What is drawn depends on the seed and on the two segments, not on the query's id: ids, and which segment is left,
    are drawn anew in each run, and two runs of one seed shall be the same run. May be called from several threads.
    """

    def __init__(self, rule: Rule, *, seed: int) -> None:
        """Takes how it answers and the run's seed."""
        self._rule = rule
        self._seed = seed

    def __call__(self, left: SealedPart, right: SealedPart) -> Preference:
        """Gives the answer.

        Raises:
            FunctionFailedError: the rule is somebody's own function and failed.
        """
        lots = self._lot(left), self._lot(right)
        rng = np.random.default_rng(int.from_bytes(b"".join(sorted(lots))))
        if lots[0] <= lots[1]:
            return self._rule(left, right, rng)
        preference = self._rule(right, left, rng)
        return _SWAPPED.get(preference, preference)

    def _lot(self, part: SealedPart) -> bytes:
        """Gives a number that is as good as drawn, always the same for a segment in runs of one seed.

        A segment's id begins with its simulator's random name; the count after the last hyphen is the run's own.
        Counts begin again with each of a simulator's lives, hence the rewards.
        """
        count = part.segment_id.rpartition("-")[2]
        facts = [self._seed, count, part.recent_segment_return_mean, part.recent_segment_return_std]
        return hashlib.sha256(repr(facts).encode() + part.true_rewards.tobytes()).digest()


def open_judge(teacher: str, *, seed: int) -> Judge:
    """Gives the judge that `--teacher` asks for; see `somersault.domain.teacher_kinds`.

    Raises:
        InvalidInputError: there is no such teacher.
    """
    rule: Rule = OwnFunction(teacher) if is_function(teacher) else partial(_mix, parse_teacher(teacher))
    return Judge(rule, seed=seed)


def _mix(
    kinds: Sequence[WeightedKind], left: SealedPart, right: SealedPart, rng: np.random.Generator
) -> Preference:
    """Draws the kind of teacher that answers, and lets it."""
    chosen = rng.choice(len(kinds), p=[one.weight for one in kinds])
    return rules.decide(left, right, kind=kinds[chosen].kind, rng=rng)
