"""How each kind of teacher answers."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from services.teacher.rules import (
    decide,
    equal_threshold,
    probability_of_left,
    skip_threshold,
    weighted_return,
)
from somersault.domain.feedback import Preference
from somersault.domain.teacher_kinds import KINDS, TeacherKind
from somersault.formats.sealed import SealedPart
from tests.services.teacher.sealing import part

LEFT, RIGHT, EQUAL, INCOMPARABLE = Preference
RATIONAL = TeacherKind()
MANY = 20_000


def answer(left: SealedPart, right: SealedPart, kind: TeacherKind) -> Preference:
    """One answer."""
    return decide(left, right, kind=kind, rng=np.random.default_rng(0))


def count(left: SealedPart, right: SealedPart, kind: TeacherKind) -> Counter[Preference]:
    """Many answers of one pair, each from draws of its own."""
    rng = np.random.default_rng(1)
    return Counter(decide(left, right, kind=kind, rng=rng) for _ in range(MANY))


def is_plausible(successes: int, probability: float) -> bool:
    """Whether a count is within five standard deviations of a binomial's mean: false one time in a million."""
    deviation = math.sqrt(MANY * probability * (1 - probability))
    return abs(successes - MANY * probability) <= 5 * deviation


def test_the_higher_sum_is_preferred() -> None:
    """1 + 2 = 3 against 5 - 1 = 4."""
    assert answer(part(1, 2), part(5, -1), RATIONAL) is RIGHT
    assert answer(part(5, -1), part(1, 2), RATIONAL) is LEFT


def test_the_same_sum_is_equal() -> None:
    """A tie is no preference, nor is one with a mistake."""
    assert answer(part(1, 2), part(2, 1), RATIONAL) is EQUAL
    assert answer(part(1, 2), part(2, 1), TeacherKind(mistake=1)) is EQUAL


def test_many_small_rewards_are_summed_exactly() -> None:
    """2^24 and 128 ones against 2^24 + 126: in float32 each one added to 2^24 is lost."""
    small = np.ones(129)
    small[0] = 2**24
    assert answer(part(*small), part(2**24 + 126), RATIONAL) is LEFT


@pytest.mark.parametrize(
    ("difference", "preference"), [(0.59, EQUAL), (-0.59, EQUAL), (0.61, LEFT), (-0.61, RIGHT)]
)
def test_the_oracle_calls_a_small_difference_equal(difference: float, preference: Preference) -> None:
    """0.3 standard deviations of 2.0 are 0.6."""
    assert answer(part(difference, std=2), part(0, std=2), KINDS["oracle"]) is preference


def test_the_margins_scale_is_the_mean_of_both() -> None:
    """Stored when the deviation was 1 and 3: half of 2 is 1, and a difference of 0.9 is within it."""
    kind = TeacherKind(margin=0.5)
    assert answer(part(0.9, std=1), part(0, std=3), kind) is EQUAL
    assert answer(part(1.1, std=1), part(0, std=3), kind) is LEFT


@pytest.mark.parametrize(
    ("returns", "preference"),
    [((0.9, 0.5), INCOMPARABLE), ((0.9, 1.1), RIGHT), ((-5, -6), INCOMPARABLE), ((1.0, 0.5), LEFT)],
)
def test_skip_needs_both_below_a_tenth_of_the_usual(
    returns: tuple[float, float], preference: Preference
) -> None:
    """Usual are 5 and 15, so 10: a tenth is 1."""
    left, right = part(returns[0], mean=5), part(returns[1], mean=15)
    assert answer(left, right, KINDS["skip"]) is preference


@pytest.mark.parametrize(
    ("difference", "preference"), [(0.9, EQUAL), (-0.9, EQUAL), (1.1, LEFT), (-1.1, RIGHT)]
)
@pytest.mark.parametrize("sign", [1, -1])
def test_equal_is_a_difference_below_a_tenth_of_the_usual(
    difference: float, preference: Preference, sign: int
) -> None:
    """Usual are 5 and 15, so 10, or as much below 0: a tenth's size is 1."""
    left, right = part(7 + difference, mean=5 * sign), part(7, mean=15 * sign)
    assert answer(left, right, KINDS["equal"]) is preference


@pytest.mark.parametrize("usual", [0.0, -10.0])
def test_nothing_is_skipped_without_a_usual_success(usual: float) -> None:
    """A tenth of -10 is -1: to the letter both of -11 and -12 would be below it, as nearly every pair."""
    assert skip_threshold(0.1, usual) == -math.inf
    assert answer(part(-11, mean=usual), part(-12, mean=usual), KINDS["skip"]) is LEFT


def test_thresholds_take_their_share_once() -> None:
    """A tenth of 50 is 5, not 0.5."""
    assert skip_threshold(0.1, 50.0) == pytest.approx(5.0)
    assert equal_threshold(0.1, 50.0) == equal_threshold(0.1, -50.0) == pytest.approx(5.0)
    assert skip_threshold(0.0, 50.0) == -math.inf
    assert equal_threshold(0.0, 50.0) == 0.0


def test_the_end_of_a_segment_counts_most_for_the_myopic() -> None:
    """0.25 * 4 + 0.5 * 2 + 3 = 5; two segments of the same sum, of which one ends better."""
    assert weighted_return(np.array([4, 2, 3], np.float32), 0.5) == 5.0
    early, late = part(3, 0, 0), part(0, 0, 2)
    assert answer(early, late, RATIONAL) is LEFT
    assert answer(early, late, KINDS["myopic"]) is LEFT  # 0.81 * 3 = 2.43
    assert answer(early, late, TeacherKind(gamma=0.8)) is RIGHT  # 0.64 * 3 = 1.92


def test_thresholds_hold_plain_returns_even_of_the_myopic() -> None:
    """Returns of 3 and 2.5 differ by 0.5, less than 0.6; weighted by 0.5 they would be 0.75 and 2.5."""
    kind = TeacherKind(gamma=0.5, margin=0.6)
    assert answer(part(3, 0, 0), part(0, 0, 2.5), kind) is EQUAL


@pytest.mark.parametrize(
    ("beta", "difference", "spread", "probability"),
    [
        (1.0, 1.0, 1.0, 0.7310585786),  # 1 / (1 + e^-1)
        (1.0, 200.0, 200.0, 0.7310585786),
        (2.0, -1.0, 1.0, 0.1192029220),  # 1 / (1 + e^2)
        (1.0, 0.0, 1.0, 0.5),
        (0.0, 9.0, 1.0, 0.5),
        (1.0, 0.1, 0.0, 1.0),
        (1.0, -0.1, 0.0, 0.0),
        (1.0, 0.0, 0.0, 0.5),
        (50.0, -1e9, 1.0, 0.0),
    ],
)
def test_chance_is_a_softmax_in_units_of_the_spread(
    beta: float, difference: float, spread: float, probability: float
) -> None:
    """Worked out by hand; nothing overflows."""
    assert probability_of_left(difference, beta=beta, spread=spread) == pytest.approx(probability, abs=1e-9)


@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_the_stochastic_draws_rather_than_takes_the_better(beta: float) -> None:
    """Returns 4 apart at a spread of 4: the better one wins 1 / (1 + e^-beta) of the time, on either side."""
    better, worse = part(6, 1, std=4), part(2, 1, std=4)
    told = 1 / (1 + math.exp(-beta))
    assert is_plausible(count(better, worse, TeacherKind(beta=beta))[LEFT], told)
    assert is_plausible(count(worse, better, TeacherKind(beta=beta))[RIGHT], told)


def test_a_tie_is_a_coin_to_the_stochastic() -> None:
    """It never says equal."""
    told = count(part(1, 2), part(2, 1), KINDS["stochastic"])
    assert set(told) == {LEFT, RIGHT}
    assert is_plausible(told[LEFT], 0.5)


@pytest.mark.parametrize("mistake", [0.1, 0.3])
def test_a_mistake_prefers_the_other_one(mistake: float) -> None:
    """As often as it says, whichever side is better."""
    kind = TeacherKind(mistake=mistake)
    assert is_plausible(count(part(2), part(1), kind)[RIGHT], mistake)
    assert is_plausible(count(part(1), part(2), kind)[LEFT], mistake)


def test_a_mistake_of_the_stochastic_adds_up() -> None:
    """At one deviation 0.731 is right; of 10 mistakes in 100: 0.9 * 0.731 + 0.1 * 0.269 = 0.6848."""
    told = count(part(1), part(0), TeacherKind(beta=1, mistake=0.1))
    assert is_plausible(told[LEFT], 0.68484)


@pytest.mark.parametrize(
    ("name", "pair", "preference"),
    [("skip", (0.5, 0.6), INCOMPARABLE), ("equal", (5.0, 5.5), EQUAL)],
)
def test_mistakes_leave_skip_and_equal_alone(
    name: str, pair: tuple[float, float], preference: Preference
) -> None:
    """Only left and right can be taken for each other."""
    kind = TeacherKind(mistake=1, skip=KINDS[name].skip, equal=KINDS[name].equal)
    assert answer(part(pair[0], mean=10), part(pair[1], mean=10), kind) is preference
