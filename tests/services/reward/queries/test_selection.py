"""Which pairs are asked about."""

from __future__ import annotations

import numpy as np
import pytest

from services.reward.queries.selection import (
    choose_queries,
    draw_candidate_pairs,
    preference_disagreement,
    select_queries,
)


def test_pairs_never_show_a_segment_beside_itself() -> None:
    """A thousand draws from three segments give all six ordered pairs and no other."""
    pairs = draw_candidate_pairs(np.random.default_rng(0), np.zeros(3), num_pairs=1_000)

    seen = {(int(left), int(right)) for left, right in pairs}
    assert seen == {(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)}


def test_same_generator_state_gives_the_same_pairs() -> None:
    """Pairs are a function of the generator and the promise alone."""
    first, second = (
        draw_candidate_pairs(np.random.default_rng(4), np.arange(50.0), num_pairs=20) for _ in range(2)
    )

    np.testing.assert_array_equal(first, second)


def test_one_segment_is_too_few() -> None:
    """A query shows two different segments."""
    with pytest.raises(ValueError, match="num_segments is 1"):
        draw_candidate_pairs(np.random.default_rng(0), np.zeros(1), num_pairs=1)


def test_best_of_three_favours_the_promising() -> None:
    """The best of four segments wins a side with 1 - (3/4)³ = 37/64 if three are drawn."""
    pairs = draw_candidate_pairs(
        np.random.default_rng(0), np.arange(4.0), num_pairs=20_000, tournament_size=3
    )

    # both sides independent, pairs of a segment with itself left out: by hand from
    # p = (1, 7, 19, 37)/64, P(left = 3 | left != right) = p3 (1 - p3) / (1 - Σ p²)
    p = np.array([1, 7, 19, 37]) / 64
    expected = p[3] * (1 - p[3]) / (1 - (p**2).sum())
    assert (pairs[:, 0] == 3).mean() == pytest.approx(expected, abs=0.02)


def test_chosen_queries_are_those_with_most_disagreement() -> None:
    """Two members that contradict each other only on segments 0 and 1 make that pair the query."""
    returns = np.array([[5.0, -5.0, 0.0, 0.1], [-5.0, 5.0, 0.0, 0.1]], np.float32)

    chosen = choose_queries(
        np.random.default_rng(0), returns, num_queries=1, is_trained=False, num_candidate_pairs=200
    )

    assert sorted(chosen[0].tolist()) == [0, 1]


def test_untrained_ensemble_does_not_decide_what_is_promising() -> None:
    """Before any label, the worst segment by prediction is considered as often as the best."""
    returns = np.stack([np.arange(4.0), np.arange(4.0)]).astype(np.float32)
    choose = [
        choose_queries(
            np.random.default_rng(seed),
            returns,
            num_queries=1,
            is_trained=False,
            num_candidate_pairs=1,
        )
        for seed in range(400)
    ]

    shown = np.concatenate([pairs.reshape(-1) for pairs in choose])
    assert (shown == 0).mean() == pytest.approx(0.25, abs=0.05)


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
