"""Which two segments are worth a label: those the ensemble disagrees about most.

Shapes: ``P`` candidate pairs, ``K`` ensemble members.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def draw_candidate_pairs(
    generator: np.random.Generator, *, num_segments: int, num_pairs: int
) -> NDArray[np.int64]:
    """Draws pairs of different segments, uniformly.

    Returns:
        ``[P, 2]`` int64, positions in the pool; column 0 would be shown left.

    Raises:
        ValueError: there are fewer than two segments.
    """
    if num_segments < 2:
        raise ValueError(f"num_segments is {num_segments}, must be at least 2")
    left = generator.integers(num_segments, size=num_pairs)
    # a step of 1 to n-1 around the ring never lands where it began
    right = (left + generator.integers(1, num_segments, size=num_pairs)) % num_segments
    return np.stack([left, right], axis=1)


def preference_disagreement(
    left_returns: NDArray[np.float32], right_returns: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Gives the variance over members of the predicted preference.

    Christiano et al. 2017 (arXiv 1706.03741), section 2.2.4.

    Args:
        left_returns: ``[K, P]`` float32, predicted reward summed over the left segment.
        right_returns: ``[K, P]`` float32, the same of the right segment.

    Returns:
        ``[P]`` float64, in [0, ¼].
    """
    difference = (left_returns - right_returns).astype(np.float64)
    probability = 0.5 * (1.0 + np.tanh(0.5 * difference))  # the logistic function, no overflow
    variance: NDArray[np.float64] = probability.var(axis=0)
    return variance


def select_queries(
    disagreement: NDArray[np.float64], pairs: NDArray[np.int64], *, num_queries: int
) -> NDArray[np.int64]:
    """Chooses the pairs with most disagreement, none of which shares a segment with another.

    Args:
        disagreement: ``[P]`` float64.
        pairs: ``[P, 2]`` int64, positions in the pool.
        num_queries: how many to choose at most.

    Returns:
        ``[Q, 2]`` int64, most disagreement first; fewer than asked where segments run out.
    """
    chosen: list[NDArray[np.int64]] = []
    used: set[int] = set()
    for index in np.argsort(-disagreement, kind="stable"):
        if len(chosen) == num_queries:
            break
        if used.isdisjoint(pairs[index].tolist()):
            chosen.append(pairs[index])
            used.update(pairs[index].tolist())
    return np.array(chosen, dtype=np.int64).reshape(-1, 2)
