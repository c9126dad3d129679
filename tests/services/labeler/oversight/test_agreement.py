"""How far labelers agree, by hand."""

from __future__ import annotations

import pytest

from services.labeler.oversight.agreement import measure


def test_perfect_agreement_is_one() -> None:
    """Two queries, one all left, one all right."""
    found = measure({(2, 0, 0): 1, (0, 3, 0): 1})
    assert (found.num_queries, found.num_pairs) == (2, 1 + 3)
    assert (found.pairwise, found.alpha) == (1.0, 1.0)


def test_agreement_with_one_split() -> None:
    """Three queries of two answers: LL, RR, LR.

    Pairs 3, alike 2. o_LL = 2, o_RR = 2, n_L = 3, n_R = 3, n = 6:
    alpha = 1 - 5 (6 - 4) / (36 - 18) = 1 - 10 / 18.
    """
    found = measure({(2, 0, 0): 1, (0, 2, 0): 1, (1, 1, 0): 1})
    assert found.pairwise == pytest.approx(2 / 3)
    assert found.alpha == pytest.approx(4 / 9)


def test_queries_with_unlike_numbers_of_answers() -> None:
    """LLR (m = 3) and EE (m = 2).

    Pairs 3 + 1, alike 1 + 1. o_LL = 2 · 1 / 2 = 1, o_EE = 2, n_L = 2, n_R = 1, n_E = 2, n = 5:
    alpha = 1 - 4 (5 - 3) / (25 - 9) = 1 - 8 / 16.
    """
    found = measure({(2, 1, 0): 1, (0, 0, 2): 1})
    assert (found.num_pairs, found.pairwise) == (4, 0.5)
    assert found.alpha == pytest.approx(0.5)


def test_always_disagreeing_is_below_chance() -> None:
    """Two queries, LR each: n = 4, n_L = n_R = 2, alpha = 1 - 3 · 4 / (16 - 8)."""
    found = measure({(1, 1, 0): 2})
    assert (found.pairwise, found.alpha) == (0.0, pytest.approx(-0.5))


def test_single_answers_and_single_values_say_nothing() -> None:
    """No pair; and one value only, where chance agrees as well."""
    alone = measure({(1, 0, 0): 5})
    assert (alone.num_queries, alone.pairwise, alone.alpha) == (0, None, None)
    same = measure({(2, 0, 0): 5})
    assert (same.num_pairs, same.pairwise, same.alpha) == (5, 1.0, None)
