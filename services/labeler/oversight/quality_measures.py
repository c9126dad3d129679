"""How well a labeler answers, from its numbers: accuracy on gold, haste, a side it favours, variety."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from services.labeler.model.oversight import LabelerNumbers

__all__ = ["QualityMeasures", "Share", "assess", "entropy_bits", "share"]

_Z_95 = 1.959963984540054  # the normal distribution's 97.5% point
MIN_ACCURACY = 0.85
"""Whom even the upper end of the interval does not credit with this is flagged: a coin within 20 gold answers in 19 of 20
cases, while somebody right nineteen times in twenty hardly ever is."""
MIN_GOLD = 5
MAX_FAST = 0.2
SIDES = (0.4, 0.6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Holds a share of trials and its 95% interval, which is 0 to 1 without trials."""

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
    """Says how well a labeler answers in a run."""

    numbers: LabelerNumbers
    gold_accuracy: Share
    consistency: Share
    fast: Share
    left: Share
    entropy_bits: float

    @property
    def is_inaccurate(self) -> bool:
        """Says whether it answers otherwise than all others do."""
        return _is_low(self.gold_accuracy)

    @property
    def is_inconsistent(self) -> bool:
        """Says whether it answers the same pair otherwise when the sides are swapped."""
        return _is_low(self.consistency)

    @property
    def is_hasty(self) -> bool:
        """Says whether too many answers came sooner than half a clip."""
        return self.fast.low > MAX_FAST

    @property
    def is_biased(self) -> bool:
        """Says whether it favours a side, which the server draws by a fair coin."""
        return self.left.low > SIDES[1] or self.left.high < SIDES[0]


def share(num_true: int, num: int) -> Share:
    """Gives a share with its Wilson score interval at 95%.

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
    """Gives the entropy of how often each value was given (Shannon 1948, section 6): 0 if it is always the same."""
    total = sum(counts)
    return sum(-count / total * math.log2(count / total) for count in counts if count) + 0.0


def assess(numbers: LabelerNumbers) -> QualityMeasures:
    """Gives what a labeler's numbers say of it."""
    n = numbers
    return QualityMeasures(
        numbers=n,
        gold_accuracy=share(n.num_unanimous_right, n.num_unanimous),
        consistency=share(n.num_repeats_right, n.num_repeats),
        fast=share(n.num_fast, n.num_timed),
        left=share(n.num_left, n.num_left + n.num_right),
        entropy_bits=entropy_bits((n.num_left, n.num_right, n.num_equal, n.num_incomparable)),
    )


def _is_low(accuracy: Share) -> bool:
    return accuracy.num >= MIN_GOLD and accuracy.high < MIN_ACCURACY
