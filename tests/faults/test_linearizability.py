"""The checker of histories accepts what a correct labeler may do and rejects what it mustn't."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.faults.linearizability import Operation, check_history


def _op(kind: Any, token: str, begin_s: float, end_s: float = math.inf, **more: Any) -> Operation:
    more = {"lease_s": 10.0} | more if kind == "lease" else more
    return Operation(kind=kind, query_id="q", token=token, begin_s=begin_s, end_s=end_s, **more)


def _submit(
    token: str, begin_s: float, end_s: float = math.inf, *, extra: bool | None = None, name: str = ""
) -> Operation:
    return _op("submit", token, begin_s, end_s, answer_id=name or f"a{token}", is_extra=extra)


ONE = [_op("lease", "t", 0, 1), _submit("t", 2, 3, extra=False)]

RIGHT: dict[str, list[Operation]] = {
    "leased and answered": ONE,
    "a repeat": [*ONE, _submit("t", 4, 5, extra=False)],
    "a repeat that overlaps its first": [*ONE, _submit("t", 2, 3, extra=False)],
    "leased again after an expiry": [
        _op("lease", "t", 0, 1, lease_s=2),
        _op("lease", "u", 3, 4),
        _submit("u", 5, 6, extra=False),
        _submit("t", 7, 8, extra=True),
    ],
    "leased again after a release": [
        _op("lease", "t", 0, 1),
        _op("release", "t", 2, 3),
        _op("lease", "u", 4, 5),
    ],
    "an answer without a reply that happened": [
        _op("lease", "t", 0, 1, lease_s=1),
        _submit("t", 1.5),
        _op("lease", "u", 2, 3, lease_s=1),
        _submit("u", 4, 5, extra=True),
    ],
    "an answer without a reply that did not happen": [
        _op("lease", "t", 0, 1, lease_s=1),
        _submit("t", 1.5),
        _op("lease", "u", 3, 4),
    ],
    "revised": [*ONE, _op("revise", "t", 4, 5, answer_id="at", version=2)],
}

WRONG: dict[str, list[Operation]] = {
    "two live leases": [_op("lease", "t", 0, 1), _op("lease", "u", 2, 3)],
    "leased when it was answered": [*ONE, _op("lease", "u", 4, 5)],
    "two answers counted": [
        _op("lease", "t", 0, 1, lease_s=2),
        _op("lease", "u", 3, 4),
        _submit("u", 5, 6, extra=False),
        _submit("t", 7, 8, extra=False),
    ],
    "a repeat with another reply": [*ONE, _submit("t", 4, 5, extra=True)],
    "an answer without a lease": [_submit("t", 2, 3, extra=False)],
    "the first answer called an extra": [_op("lease", "t", 0, 1), _submit("t", 2, 3, extra=True)],
    "leased before the lease of another could expire": [
        _op("lease", "t", 0, 1, lease_s=5),
        _op("lease", "u", 2, 3),
    ],
    "answered by a lease that was released": [
        _op("lease", "t", 0, 1),
        _op("release", "t", 2, 3),
        _submit("t", 4, 5, extra=False),
    ],
    "a revision of nothing": [*ONE, _op("revise", "t", 4, 5, answer_id="another", version=2)],
    "a revision that skips one": [*ONE, _op("revise", "t", 4, 5, answer_id="at", version=3)],
    "an acknowledged answer forgotten": [*ONE, _op("lease", "u", 20, 21), _submit("u", 22, 23, extra=False)],
}


@pytest.mark.parametrize("history", RIGHT.values(), ids=RIGHT)
def test_what_a_correct_labeler_may_do_is_accepted(history: list[Operation]) -> None:
    """Overlaps, repeats, expiries, and lost replies that took effect or didn't."""
    assert check_history(history, target=1) == []


@pytest.mark.parametrize("history", WRONG.values(), ids=WRONG)
def test_what_it_must_not_do_is_rejected(history: list[Operation]) -> None:
    """Each by name of its query, with the history."""
    (told,) = check_history(history, target=1)
    assert "history of q" in told


def test_several_answers_to_a_query() -> None:
    """Two may hold it and answer it; a third may not."""
    two = [_op("lease", "t", 0, 1), _op("lease", "u", 0, 1)]
    answered = [_submit("t", 2, 3, extra=False), _submit("u", 2, 3, extra=False)]
    assert check_history([*two, *answered], target=2) == []
    assert check_history([*two, _op("lease", "v", 2, 3)], target=2) != []
    assert check_history([*two, *answered, _op("lease", "v", 4, 5)], target=2) != []
