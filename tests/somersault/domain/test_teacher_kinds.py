"""The words by which a teacher is asked for."""

from __future__ import annotations

import math

import pytest

from somersault.domain.teacher_kinds import KINDS, TeacherKind, is_function, parse_teacher
from somersault.errors import InvalidInputError


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("stochastic", (1, 1, 0, 0, 0)),
        ("mistake", (math.inf, 1, 0.1, 0, 0)),
        ("skip", (math.inf, 1, 0, 0.1, 0)),
        ("equal", (math.inf, 1, 0, 0, 0.1)),
        ("myopic", (math.inf, 0.9, 0, 0, 0)),
        ("oracle(margin=0)", (math.inf, 1, 0, 0, 0)),
    ],
)
def test_kinds_have_the_papers_numbers(name: str, numbers: tuple[float, ...]) -> None:
    """Beta, gamma, mistake, skip and equal of Lee et al. 2021; nothing else."""
    (only,) = parse_teacher(name)
    assert only.weight == 1
    assert only.kind == TeacherKind(
        **dict(zip(("beta", "gamma", "mistake", "skip", "equal"), numbers, strict=True))
    )


def test_the_oracle_has_the_margin_that_the_backflip_needs() -> None:
    """And no other number than one that never errs."""
    assert KINDS["oracle"] == TeacherKind(margin=0.3)


def test_a_mixture_is_read() -> None:
    """Weights, kinds, numbers of one's own, and spaces where they please."""
    first, second = parse_teacher("0.7*oracle + 0.3 * mistake(mistake=0.5, beta = 2)")
    assert (first.weight, first.kind) == (pytest.approx(0.7), KINDS["oracle"])
    assert (second.weight, second.kind) == (pytest.approx(0.3), TeacherKind(mistake=0.5, beta=2))


def test_thirds_are_a_whole() -> None:
    """0.333 three times is meant to be 1."""
    parts = parse_teacher("0.333*skip+0.333*equal+0.333*myopic")
    assert [one.weight for one in parts] == [pytest.approx(1 / 3)] * 3
    assert math.fsum(one.weight for one in parts) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("me", "teacher is 'me', must be one of oracle, stochastic, mistake, skip, equal, myopic, a mixture"),
        ("", "must be one of oracle"),
        ("0.7*oracle+", "must be one of oracle"),
        ("1..2*oracle", "must be one of oracle"),
        ("teacher.py", r"FILE\.py:FUNCTION"),
        ("oracle+mistake", "weights are above 0 and sum to 1"),
        ("0.7*oracle+mistake", "weights are above 0 and sum to 1"),
        ("0.7*oracle+0.4*mistake", "weights are above 0 and sum to 1"),
        ("1*oracle+0*mistake", "weights are above 0 and sum to 1"),
        ("0.5*oracle", "weights are above 0 and sum to 1"),
        ("mistake(chance=0.2)", "NAME=VALUE with beta, gamma, mistake, skip, equal, margin"),
        ("mistake(0.2)", "NAME=VALUE with"),
        ("mistake(mistake=often)", "mistake of a teacher is 'often', must be a number"),
        ("mistake(mistake=1.1)", "mistake of a teacher is 1.1, must be 0 to 1"),
        ("skip(skip=-1)", "skip of a teacher is -1.0, must be 0 to 100"),
        ("equal(equal=nan)", "equal of a teacher is nan, must be 0 to 100"),
        ("oracle(margin=inf)", "margin of a teacher is inf, must be 0 to 100"),
        ("stochastic(beta=-1)", "beta of a teacher is -1.0, must be 0 or more"),
        ("stochastic(beta=nan)", "beta of a teacher is nan"),
        ("myopic(gamma=0)", "gamma of a teacher is 0.0, must be above 0"),
        ("myopic(gamma=1.1)", "gamma of a teacher is 1.1"),
    ],
)
def test_anything_else_is_refused(text: str, told: str) -> None:
    """With what would do."""
    with pytest.raises(InvalidInputError, match=told):
        parse_teacher(text)


def test_a_function_is_told_from_a_mixture() -> None:
    """By its colon, which no mixture has."""
    assert is_function("teacher.py:answer")
    assert is_function("package.module:answer")
    assert not is_function("0.7*oracle+0.3*mistake(mistake=0.5)")
