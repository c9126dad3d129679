"""Which two segments are worth a label: those the ensemble disagrees about most.

Shapes: ``S`` segments, ``P`` candidate pairs, ``Q`` queries, ``K`` ensemble members.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MIN_PAIRS_PER_QUERY = 16  # Christiano et al. 2017 consider 10


def choose_queries(
    generator: np.random.Generator,
    predicted_returns: NDArray[np.float32],
    *,
    num_queries: int,
    is_trained: bool,
    num_candidate_pairs: int = 50,
    tournament_size: int = 3,
) -> NDArray[np.int64]:
    """Choose which segments to compare: promising ones, about which the ensemble disagrees.

    Christiano et al. 2017 (arXiv 1706.03741), section 2.2.4, with one change: each side of a
    candidate pair is the best of a few drawn, by predicted return. Most segments of an early pool
    show the hopper on the floor, and pairs of those teach nothing; and the policy moves towards what is
    predicted to be best, so that is where the reward model must be right.

    Args:
        generator: draws the candidates.
        predicted_returns: ``[K, S]`` float32, predicted reward summed over each segment.
        num_queries: how many to choose at most.
        is_trained: whether the ensemble has seen a label; before, sides are drawn uniformly.
        num_candidate_pairs: pairs considered, or 16 for each query if that is more.
        tournament_size: segments drawn for each side.

    Returns:
        ``[Q, 2]`` int64, indices of segments, most disagreement first; fewer than asked for if
        segments run out.
    """
    promise = _promise(predicted_returns)
    pairs = draw_candidate_pairs(
        generator,
        promise,
        num_pairs=max(num_candidate_pairs, _MIN_PAIRS_PER_QUERY * num_queries),
        tournament_size=tournament_size if is_trained else 1,
    )
    by_pair = predicted_returns[:, pairs]
    disagreement = preference_disagreement(by_pair[..., 0], by_pair[..., 1])
    return select_queries(disagreement, pairs, num_queries=num_queries)


def draw_candidate_pairs(
    generator: np.random.Generator,
    promise: NDArray[np.float64],
    *,
    num_pairs: int,
    tournament_size: int = 1,
) -> NDArray[np.int64]:
    """Draw pairs of different segments, each side the most promising of a few drawn uniformly.

    Args:
        generator: draws the segments.
        promise: ``[S]`` float64, higher is more promising.
        num_pairs: how many to draw; those that would show a segment beside itself are left out.
        tournament_size: segments drawn for each side; 1: sides are uniform.

    Returns:
        ``[P, 2]`` int64, indices of segments; column 0 is the left side.

    Raises:
        ValueError: there are fewer than two segments.
    """
    if len(promise) < 2:
        raise ValueError(f"num_segments is {len(promise)}, must be at least 2")
    drawn = generator.integers(len(promise), size=(num_pairs, 2, tournament_size))
    winners = promise[drawn].argmax(axis=-1)[..., None]
    pairs: NDArray[np.int64] = np.take_along_axis(drawn, winners, axis=-1)[..., 0]
    different: NDArray[np.int64] = pairs[pairs[:, 0] != pairs[:, 1]]
    return different


def _promise(predicted_returns: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the predicted return ``[S]`` float64, standardised for each member, then averaged."""
    returns = predicted_returns.astype(np.float64)
    spread = np.maximum(returns.std(axis=1, keepdims=True), 1e-9)
    promise: NDArray[np.float64] = ((returns - returns.mean(axis=1, keepdims=True)) / spread).mean(0)
    return promise


def preference_disagreement(
    left_returns: NDArray[np.float32], right_returns: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the variance of the predicted preference over members.

    Christiano et al. 2017 (arXiv 1706.03741), section 2.2.4.

    Args:
        left_returns: ``[K, P]`` float32, predicted reward summed over the left segment.
        right_returns: ``[K, P]`` float32, the same for the right segment.

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
    """Choose the pairs with most disagreement, no two of which share a segment.

    Args:
        disagreement: ``[P]`` float64.
        pairs: ``[P, 2]`` int64, indices of segments.
        num_queries: how many to choose at most.

    Returns:
        ``[Q, 2]`` int64, most disagreement first; fewer than asked for if segments run out.
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
