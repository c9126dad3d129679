"""The kinds of synthetic teachers, and how `--teacher` names them.

A teacher is written as KIND, as a mixture WEIGHT*KIND+WEIGHT*KIND, or as FILE.py:FUNCTION. A kind's numbers may be
set in parentheses: ``0.8*oracle(margin=0)+0.2*mistake(mistake=0.5)``. docs/teachers.md explains them.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass

from somersault.errors import InvalidInputError

__all__ = ["KINDS", "TeacherKind", "WeightedKind", "is_function", "parse_teacher"]

_TERM = re.compile(r"(?:(?P<weight>[\d.]+)\s*\*\s*)?(?P<kind>\w+)\s*(?:\((?P<numbers>[^()]*)\))?")
_SUM_TOLERANCE = 1e-3  # three times 0.333 counts as 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherKind:
    """How a teacher answers; the default never errs (B-Pref, Lee et al. 2021, arXiv 2111.03026, algorithm 1)."""

    beta: float = math.inf
    """How reliably the better segment is preferred, 0 or more: infinity means always, 0 means by chance. In units of one
    over the standard deviation of recent segments' true returns."""
    gamma: float = 1.0
    """The weight of a reward relative to that of the next step, above 0 to 1: below 1 the end of a segment counts most."""
    mistake: float = 0.0
    """Probability of answering the opposite, 0 to 1."""
    skip: float = 0.0
    """Two segments are incomparable if both return less than this share of the usual return, 0 to 100."""
    equal: float = 0.0
    """Two segments are equal if their returns differ by less than this share of the usual return, 0 to 100."""
    margin: float = 0.0
    """Two segments are equal if their returns differ by less than this many standard deviations of recent returns, 0 to 100.
    Not in B-Pref."""

    def __post_init__(self) -> None:
        """Refuse numbers out of their bounds."""
        bounds = {"mistake": (0.0, 1.0), "skip": (0.0, 100.0), "equal": (0.0, 100.0), "margin": (0.0, 100.0)}
        for name, (least, most) in bounds.items():
            if not least <= getattr(self, name) <= most:
                raise InvalidInputError(f"{name} of a teacher", getattr(self, name), f"{least:g} to {most:g}")
        if not self.beta >= 0:
            raise InvalidInputError("beta of a teacher", self.beta, "0 or more; inf for no chance at all")
        if not 0 < self.gamma <= 1:
            raise InvalidInputError("gamma of a teacher", self.gamma, "above 0, at most 1")


@dataclass(frozen=True, slots=True)
class WeightedKind:
    """One part of a mixture."""

    weight: float
    """Share of the answers given this way; the shares of a mixture sum to 1."""
    kind: TeacherKind


KINDS = {
    # B-Pref's oracle has margin=0. By our measurements 60 labels suffice for the backflip with 0.3, and 900 failed without.
    "oracle": TeacherKind(margin=0.3),
    # B-Pref, section 5.1; there beta acts on raw returns.
    "stochastic": TeacherKind(beta=1.0),
    "mistake": TeacherKind(mistake=0.1),
    "skip": TeacherKind(skip=0.1),
    "equal": TeacherKind(equal=0.1),
    "myopic": TeacherKind(gamma=0.9),
}
"""The kinds by name, with B-Pref's numbers except for the oracle."""


def is_function(text: str) -> bool:
    """Return whether a teacher is a user's function rather than a mixture of kinds."""
    return ":" in text


def parse_teacher(text: str) -> tuple[WeightedKind, ...]:
    """Return the kinds of a mixture, or the only kind.

    Raises:
        InvalidInputError: it is neither, a number is out of bounds, or the weights don't sum to 1.
    """
    terms = [_parse_term(text, term) for term in text.split("+")]
    if len(terms) == 1:
        terms = [(1.0 if weight is None else weight, kind) for weight, kind in terms]
    weights = [weight for weight, _ in terms if weight is not None]
    if len(weights) < len(terms) or min(weights) <= 0 or abs(math.fsum(weights) - 1) > _SUM_TOLERANCE:
        raise InvalidInputError("teacher", text, "a mixture whose weights are above 0 and sum to 1")
    return tuple(
        WeightedKind(weight / math.fsum(weights), kind)
        for weight, (_, kind) in zip(weights, terms, strict=True)
    )


def _parse_term(text: str, term: str) -> tuple[float | None, TeacherKind]:
    found = _TERM.fullmatch(term.strip())
    if not found or found["kind"] not in KINDS:
        raise _unknown(text)
    kind, numbers = KINDS[found["kind"]], found["numbers"]
    try:
        weight = None if found["weight"] is None else float(found["weight"])
    except ValueError as error:
        raise _unknown(text) from error
    return weight, dataclasses.replace(kind, **_parse_numbers(numbers)) if numbers else kind


def _parse_numbers(text: str) -> dict[str, float]:
    names = [field.name for field in dataclasses.fields(TeacherKind)]
    numbers: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if name not in names:
            raise InvalidInputError("number of a teacher", part, f"NAME=VALUE with {', '.join(names)}")
        try:
            numbers[name] = float(value)
        except ValueError as error:
            raise InvalidInputError(f"{name} of a teacher", value, "a number") from error
    return numbers


def _unknown(text: str) -> InvalidInputError:
    return InvalidInputError(
        "teacher",
        text,
        f"one of {', '.join(KINDS)}, a mixture such as 0.7*oracle+0.3*mistake, or FILE.py:FUNCTION",
    )
