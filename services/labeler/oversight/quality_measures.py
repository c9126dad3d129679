"""How well a labeler answers, computed from its counts: accuracy on gold, haste, side bias, variety."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.labeler.model.oversight import LabelerCounts

__all__ = ["QualityMeasures", "Share", "assess", "entropy_bits", "share"]

_Z_95 = 1.959963984540054  # the 97.5% point of the normal distribution
MIN_ACCURACY = 0.85
"""A labeler is flagged if even the upper end of its interval is below this: one who flips a coin, within 20 gold answers in
19 of 20 cases; one who is right 19 times in 20, hardly ever."""
MIN_GOLD = 5
MAX_FAST = 0.2
SIDES = (0.4, 0.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of trials with its 95% interval, which is 0 to 1 without trials."""

    num: int
    num_true: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share; None without trials."""
        return self.num_true / self.num if self.num else None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityMeasures:
    """How well a labeler answers in a run."""

    counts: LabelerCounts
    gold_accuracy: Share
    consistency: Share
    fast: Share
    left: Share
    entropy_bits: float

    @property
    def is_inaccurate(self) -> bool:
        """Whether it often contradicts unanimous others."""
        return _is_low(self.gold_accuracy)

    @property
    def is_inconsistent(self) -> bool:
        """Whether it often contradicts itself when the sides are swapped."""
        return _is_low(self.consistency)

    @property
    def is_hasty(self) -> bool:
        """Whether too many answers came within half a clip's duration."""
        return self.fast.low > MAX_FAST

    @property
    def is_biased(self) -> bool:
        """Whether it favors a side, although the server assigns sides by a fair coin."""
        return self.left.low > SIDES[1] or self.left.high < SIDES[0]


def share(num_true: int, num: int) -> Share:
    """Return a share with its Wilson score interval at 95%.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc. 22,
    p. 209-212: with p the share of n trials and z = 1.96,

        (p + z^2 / 2n ± z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n).
    """
    if not num:
        return Share(num=0, num_true=0, low=0.0, high=1.0)
    p, z2 = num_true / num, _Z_95**2 / num
    middle = (p + z2 / 2) / (1 + z2)
    half = math.sqrt(p * (1 - p) * z2 + z2 * z2 / 4) / (1 + z2)
    return Share(num=num, num_true=num_true, low=max(0.0, middle - half), high=min(1.0, middle + half))


def entropy_bits(counts: Sequence[int]) -> float:
    """Return the entropy of how often each value was given (Shannon 1948, section 6), 0 if it is always the same."""
    total = sum(counts)
    return sum(-count / total * math.log2(count / total) for count in counts if count) + 0.0


def assess(counts: LabelerCounts) -> QualityMeasures:
    """Return the measures of a labeler's counts."""
    n = counts
    return QualityMeasures(
        counts=n,
        gold_accuracy=share(n.num_unanimous_right, n.num_unanimous),
        consistency=share(n.num_repeats_right, n.num_repeats),
        fast=share(n.num_fast, n.num_timed),
        left=share(n.num_left, n.num_left + n.num_right),
        entropy_bits=entropy_bits((n.num_left, n.num_right, n.num_equal, n.num_incomparable)),
    )


def _is_low(accuracy: Share) -> bool:
    return accuracy.num >= MIN_GOLD and accuracy.high < MIN_ACCURACY
