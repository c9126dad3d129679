"""A teacher's judgement of two segments: a rule, with randomness that is a function of the run's seed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from services.teacher import rules
from services.teacher.custom_function import CustomFunction
from somersault.domain.feedback import Preference
from somersault.domain.teacher_kinds import WeightedKind, is_function, parse_teacher
from somersault.formats.sealed import SealedPart

__all__ = ["Judge", "Rule", "open_judge"]

Rule = Callable[[SealedPart, SealedPart, np.random.Generator], Preference]
"""Prefers the first segment (left), the second (right), or neither."""

_SWAPPED = {Preference.LEFT: Preference.RIGHT, Preference.RIGHT: Preference.LEFT}


class Judge:
    """Answers a pair always the same way, whatever was asked before, on whichever sides, also after a restart.

    Randomness depends on the seed and the two segments, not on the query's id: ids, and which segment is left, differ
    between runs, and two runs of one seed must be identical. May be called from several threads.
    """

    def __init__(self, rule: Rule, *, seed: int) -> None:
        """Judge by a rule, with the run's seed."""
        self._rule = rule
        self._seed = seed

    def __call__(self, left: SealedPart, right: SealedPart) -> Preference:
        """Return the answer.

        Raises:
            FunctionFailedError: The rule is a custom function, and it failed.
        """
        seeds = self._seed_of(left), self._seed_of(right)
        rng = np.random.default_rng(int.from_bytes(b"".join(sorted(seeds))))
        if seeds[0] <= seeds[1]:
            return self._rule(left, right, rng)
        preference = self._rule(right, left, rng)
        return _SWAPPED.get(preference, preference)

    def _seed_of(self, part: SealedPart) -> bytes:
        """Return pseudo-random bytes that are the same for a segment in all runs of one seed.

        A segment's id begins with its simulator's random name; only the count after the last hyphen is reproducible.
        Counts start again whenever a simulator restarts, which is why the rewards are hashed too.
        """
        count = part.segment_id.rpartition("-")[2]
        facts = [self._seed, count, part.recent_segment_return_mean, part.recent_segment_return_std]
        return hashlib.sha256(repr(facts).encode() + part.true_rewards.tobytes()).digest()


def open_judge(teacher: str, *, seed: int) -> Judge:
    """Return the judge that `--teacher` asks for; see `somersault.domain.teacher_kinds`.

    Raises:
        InvalidInputError: There is no such teacher.
    """
    rule: Rule = CustomFunction(teacher) if is_function(teacher) else partial(_mix, parse_teacher(teacher))
    return Judge(rule, seed=seed)


def _mix(
    kinds: Sequence[WeightedKind], left: SealedPart, right: SealedPart, rng: np.random.Generator
) -> Preference:
    """Sample the kind of teacher that answers, and return its answer."""
    chosen = rng.choice(len(kinds), p=[one.weight for one in kinds])
    return rules.decide(left, right, kind=kinds[chosen].kind, rng=rng)
