"""How well labelers agree, computed from how many queries were answered in which way.

Legend: a *count* is (left, right, equal), the numbers of a query's answers of each kind; incomparable is a refusal
to compare and counts as missing. Both measures look only at queries with two or more such answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Agreement", "measure"]

Count = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well labelers agree, and over how many answers."""

    num_queries: int
    num_pairs: int
    pairwise: float | None
    """The share of pairs of answers to one query that are the same; None without pairs."""
    alpha: float | None
    """Krippendorff's alpha; None when all answers are the same, where chance and agreement can't be told apart."""


def measure(num_by_count: Mapping[Count, int]) -> Agreement:
    """Return pairwise agreement and Krippendorff's alpha for nominal values.

    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C (nominal data, any number of
    observers, missing data), https://repository.upenn.edu/asc_papers/43: with m_u values of unit u, n_uc of them c,
    o_cc = sum_u n_uc (n_uc - 1) / (m_u - 1), n_c = sum_u n_uc, n = sum_c n_c,

        alpha = 1 - (n - 1) (n - sum_c o_cc) / (n^2 - sum_c n_c^2).
    """
    rows = [(count, number) for count, number in num_by_count.items() if sum(count) >= 2 and number > 0]
    same = [sum(c * (c - 1) for c in count) for count, _ in rows]  # ordered pairs within a query
    num_pairs = sum(number * sum(count) * (sum(count) - 1) for count, number in rows) // 2
    num_same = sum(number * s for (_, number), s in zip(rows, same, strict=True)) // 2
    coinciding = sum(number * s / (sum(count) - 1) for (count, number), s in zip(rows, same, strict=True))
    totals = [sum(number * count[kind] for count, number in rows) for kind in range(3)]
    n = sum(totals)
    expected = n * n - sum(total * total for total in totals)
    return Agreement(
        num_queries=sum(number for _, number in rows),
        num_pairs=num_pairs,
        pairwise=num_same / num_pairs if num_pairs else None,
        alpha=1.0 - (n - 1) * (n - coinciding) / expected if expected else None,
    )
