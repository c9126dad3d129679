"""A teacher's judgement: thresholds that stay, chance that is the seed's."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter

import numpy as np
import pytest

from services.teacher.judge import Judge, open_judge
from somersault.domain.feedback import Preference
from somersault.errors import InvalidInputError
from somersault.formats.sealed import SealedPart
from tests.services.teacher.sealing import part

LEFT, RIGHT, EQUAL, INCOMPARABLE = Preference
NUM_PAIRS = 2000


def make_pairs(*, life: str = "a", num: int = NUM_PAIRS) -> list[tuple[SealedPart, SealedPart]]:
    """Pairs of which the first is better by one standard deviation."""
    return [
        (
            part(1, segment_id=f"{life}-{2 * number:08d}"),
            part(0, segment_id=f"{life}-{2 * number + 1:08d}"),
        )
        for number in range(num)
    ]


def answers(judge: Judge, pairs: list[tuple[SealedPart, SealedPart]]) -> list[Preference]:
    """Each pair's answer."""
    return [judge(left, right) for left, right in pairs]


@pytest.mark.parametrize("kind", ["skip", "equal"])
def test_a_threshold_is_the_same_in_every_session(kind: str) -> None:
    """A tenth of the usual return as long as that stays, and a tenth of another once it is another.

    The original multiplies by the share again after the first session of feedback: 0.01 where 0.1 was meant.
    """
    judge = open_judge(kind, seed=0)
    thresholds = {"skip": INCOMPARABLE, "equal": EQUAL}
    for usual in (100.0, 100.0, 100.0, 100.0, 20.0, 20.0, 500.0, 100.0):
        limit = usual / 10
        for _ in range(3):  # queries of the session
            below = judge(part(0.99 * limit, mean=usual), part(0, mean=usual))
            above = judge(part(1.01 * limit, mean=usual), part(0, mean=usual))
            assert (below, above) == (thresholds[kind], LEFT)


@pytest.mark.parametrize(
    "teacher", ["stochastic", "mistake(mistake=0.4)", "0.5*oracle+0.5*mistake(mistake=1)"]
)
def test_an_answer_is_the_same_whatever_came_before(teacher: str) -> None:
    """Backwards, alone, and in a second life of the teacher."""
    pairs = make_pairs(num=60)
    told = answers(open_judge(teacher, seed=3), pairs)
    assert {LEFT, RIGHT} <= set(told)
    assert answers(open_judge(teacher, seed=3), pairs[::-1])[::-1] == told
    assert open_judge(teacher, seed=3)(*pairs[41]) == told[41]


@pytest.mark.parametrize(
    "teacher", ["stochastic", "mistake(mistake=0.4)", "0.5*oracle+0.5*mistake(mistake=1)"]
)
def test_two_runs_of_a_seed_get_the_same_answers(teacher: str) -> None:
    """Simulators' names and sides differ between them; with another seed the answers do."""
    told = answers(open_judge(teacher, seed=3), make_pairs(life="aaaa", num=60))
    turned = [(right, left) for left, right in make_pairs(life="ffff", num=60)]
    other = {LEFT: RIGHT, RIGHT: LEFT, EQUAL: EQUAL}
    assert [other[one] for one in answers(open_judge(teacher, seed=3), turned)] == told
    assert answers(open_judge(teacher, seed=4), make_pairs(num=60)) != told


def test_pairs_of_the_same_rewards_are_drawn_apart() -> None:
    """Where rewards are rare most segments pay the same: 0 against 0 is a coin for each pair, not one for all."""
    pairs = [
        (dataclasses.replace(left, true_rewards=right.true_rewards), right) for left, right in make_pairs()
    ]
    assert is_plausible(Counter(answers(open_judge("stochastic", seed=0), pairs))[LEFT], 0.5)


def is_plausible(successes: int, probability: float) -> bool:
    """Whether a count is within five standard deviations of a binomial's mean."""
    deviation = math.sqrt(NUM_PAIRS * probability * (1 - probability))
    return abs(successes - NUM_PAIRS * probability) <= 5 * deviation


def test_a_mixture_lets_each_kind_answer_its_share() -> None:
    """Of 100 answers 70 are right, and 30 those of one that always errs."""
    judge = open_judge("0.7*oracle+0.3*mistake(mistake=1)", seed=0)
    assert is_plausible(Counter(answers(judge, make_pairs()))[RIGHT], 0.3)


def test_chance_differs_from_pair_to_pair() -> None:
    """One standard deviation apart, 73 of 100 are right."""
    told = Counter(answers(open_judge("stochastic", seed=0), make_pairs()))
    assert is_plausible(told[LEFT], 1 / (1 + math.exp(-1)))


def test_the_oracle_answers_by_returns_alone() -> None:
    """Whatever the seed: above 0.3 standard deviations the better one, below them equal."""
    rng = np.random.default_rng(0)
    for seed in range(200):
        difference = float(rng.normal())
        expected = EQUAL if abs(difference) < 0.3 else LEFT if difference > 0 else RIGHT
        assert open_judge("oracle", seed=seed)(part(difference), part(0)) is expected


def test_an_unknown_teacher_is_refused() -> None:
    """By name and by function."""
    for teacher in ("me", "nowhere.py:answer"):
        with pytest.raises(InvalidInputError):
            open_judge(teacher, seed=0)
