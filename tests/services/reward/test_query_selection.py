"""Which pairs are asked about."""

from __future__ import annotations

import numpy as np
import pytest

from services.reward.query_selection import (
    draw_candidate_pairs,
    preference_disagreement,
    select_queries,
)


def test_pairs_never_show_a_segment_beside_itself() -> None:
    """A thousand draws from three segments give all six ordered pairs and no other."""
    pairs = draw_candidate_pairs(np.random.default_rng(0), num_segments=3, num_pairs=1_000)

    seen = {(int(left), int(right)) for left, right in pairs}
    assert seen == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)}


def test_same_generator_state_gives_the_same_pairs() -> None:
    """Pairs are a function of the generator alone."""
    first, second = (
        draw_candidate_pairs(np.random.default_rng(4), num_segments=50, num_pairs=20)
        for _ in range(2)
    )

    np.testing.assert_array_equal(first, second)


def test_one_segment_is_too_few() -> None:
    """A query shows two different segments."""
    with pytest.raises(ValueError, match="num_segments is 1"):
        draw_candidate_pairs(np.random.default_rng(0), num_segments=1, num_pairs=1)


def test_disagreement_is_the_variance_of_predicted_preferences() -> None:
    """Certain opposites vary by ¼; P = ¾ and ¼ by 1/16; like predictions by nothing."""
    log_three = np.log(3.0)
    left = np.array([[1e4, log_three, 2.0], [-1e4, -log_three, 2.0]], np.float32)

    disagreement = preference_disagreement(left, np.zeros((2, 3), np.float32))

    np.testing.assert_allclose(disagreement, [0.25, 0.0625, 0.0], atol=1e-7)


def test_most_disagreement_comes_first_and_no_segment_twice() -> None:
    """The second-best pair shares a segment with the best and is passed over."""
    pairs = np.array([[0, 1], [1, 2], [3, 4], [5, 6]])

    chosen = select_queries(np.array([0.2, 0.19, 0.1, 0.01]), pairs, num_queries=2)

    np.testing.assert_array_equal(chosen, [[0, 1], [3, 4]])


def test_fewer_queries_come_where_segments_run_out() -> None:
    """Two pairs over three segments make one query."""
    pairs = np.array([[0, 1], [1, 2]])

    chosen = select_queries(np.array([0.1, 0.2]), pairs, num_queries=5)

    np.testing.assert_array_equal(chosen, [[1, 2]])
