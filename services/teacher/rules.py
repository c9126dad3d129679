"""How each kind of teacher answers: B-Pref's rules (Lee et al. 2021, arXiv 2111.03026, algorithm 1).

A *return* is a segment's sum of true rewards. The *usual return* is the mean return of recent segments and the
*spread* their standard deviation; two segments may have been stored when these differed, so the mean of both counts.

Legend: T steps of a segment.
"""

from __future__ import annotations

import math

import numpy as np

from somersault.domain.arrays import FloatArray
from somersault.domain.feedback import Preference
from somersault.domain.teacher_kinds import TeacherKind
from somersault.formats.sealed import SealedPart

__all__ = ["decide", "equal_threshold", "probability_of_left", "skip_threshold", "weighted_return"]

_OTHER = {Preference.LEFT: Preference.RIGHT, Preference.RIGHT: Preference.LEFT}


def decide(left: SealedPart, right: SealedPart, *, kind: TeacherKind, rng: np.random.Generator) -> Preference:
    """Return a teacher's answer.

    In B-Pref's order: first what can't be compared and what is equal, by plain returns; then the choice, by weighted
    returns; then the mistake, which swaps left and right only.

    Args:
        left: The left segment.
        right: The right segment.
        kind: How the teacher answers.
        rng: At most two numbers are drawn from it.
    """
    usual = (left.recent_segment_return_mean + right.recent_segment_return_mean) / 2
    spread = (left.recent_segment_return_std + right.recent_segment_return_std) / 2
    returns = weighted_return(left.true_rewards), weighted_return(right.true_rewards)
    if max(returns) < skip_threshold(kind.skip, usual):
        return Preference.INCOMPARABLE
    difference = returns[0] - returns[1]
    if abs(difference) < max(kind.margin * spread, equal_threshold(kind.equal, usual)):
        return Preference.EQUAL
    if kind.gamma != 1:
        difference = weighted_return(left.true_rewards, kind.gamma) - weighted_return(
            right.true_rewards, kind.gamma
        )
    preference = _choose(difference, beta=kind.beta, spread=spread, rng=rng)
    is_mistaken = kind.mistake > 0 and rng.random() < kind.mistake
    return _OTHER.get(preference, preference) if is_mistaken else preference


def skip_threshold(share: float, usual_return: float) -> float:
    """Return the return below which a segment shows nothing: ``share * usual_return``.

    B-Pref's threshold is ε times the mean true return of recent episodes times a segment's share of an episode. The
    product of the last two is a segment's usual return, which sealed parts hold without ε; it is applied here. Where
    the usual return is not above 0, there is no success to fall short of (taken literally, nearly every segment would
    fall short), and nothing is skipped.
    """
    return share * usual_return if share > 0 and usual_return > 0 else -math.inf


def equal_threshold(share: float, usual_return: float) -> float:
    """Return the difference below which two returns are equal: ``share * |usual_return|``.

    As `skip_threshold`, but a difference has no sign, so a negative usual return counts by its size.
    """
    return share * abs(usual_return)


def weighted_return(true_rewards: FloatArray, gamma: float = 1.0) -> float:
    """Return the sum of ``[T]`` rewards, step t weighted by ``gamma ** (T - t)``, t = 1 … T: the last has weight 1."""
    if gamma == 1:
        return float(true_rewards.sum(dtype=np.float64))
    return float(true_rewards.astype(np.float64) @ gamma ** np.arange(len(true_rewards) - 1.0, -1.0, -1.0))


def probability_of_left(difference: float, *, beta: float, spread: float) -> float:
    """Return the probability of left: the softmax of ``beta * return / spread`` over both sides.

    B-Pref applies beta to raw returns, so that the same beta is chance in one task and certainty in another. In units
    of the spread, beta 1 prefers the better of two segments one standard deviation apart 73 times out of 100 in any
    task. Without spread, any difference is infinitely many deviations.

    Args:
        difference: Return of the left segment minus that of the right one.
        beta: 0 or more, finite.
        spread: Standard deviation of recent returns, 0 or more.
    """
    deviations = difference / spread if spread > 0 else math.copysign(math.inf, difference)
    if beta == 0 or difference == 0:
        return 0.5
    return 0.5 * (1 + math.tanh(beta * deviations / 2))  # the logistic function, without overflow


def _choose(difference: float, *, beta: float, spread: float, rng: np.random.Generator) -> Preference:
    """Sample a side, or take the better one; without randomness, a tie is equal."""
    if math.isfinite(beta):
        is_left = rng.random() < probability_of_left(difference, beta=beta, spread=spread)
    elif difference == 0:
        return Preference.EQUAL
    else:
        is_left = difference > 0
    return Preference.LEFT if is_left else Preference.RIGHT
