"""The bounded store of answered queries."""

from __future__ import annotations

import numpy as np
import pytest

from services.reward.comparisons import Comparisons


def _store(*, capacity: int, num_added: int) -> Comparisons:
    store = Comparisons(capacity=capacity, segment_length=2, observation_dim=3, action_dim=1)
    for number in range(num_added):
        observations = np.full((2, 2, 3), number, np.float32)
        store.add(observations, np.full((2, 2, 1), number, np.float32), mu=(number % 3) / 2)
    return store


def test_only_the_newest_are_held() -> None:
    """Of five comparisons in room for three, the third to fifth remain, with their answers."""
    batch = _store(capacity=3, num_added=5).all()

    np.testing.assert_array_equal(batch.sequences, [2, 3, 4])
    np.testing.assert_array_equal(batch.mu, [1.0, 0.0, 0.5])
    np.testing.assert_array_equal(batch.observations[:, 1, 0, 2], [2, 3, 4])


def test_draws_keep_segments_and_answers_together() -> None:
    """Each row drawn has the answer and the number of its segments."""
    store = _store(capacity=10, num_added=6)

    batch = store.draw(np.random.default_rng(0), size=100)

    np.testing.assert_array_equal(batch.observations[:, 0, 0, 0], batch.sequences)
    np.testing.assert_allclose(batch.mu, (batch.sequences % 3) / 2)
    assert set(batch.sequences.tolist()) == set(range(6))


def test_count_goes_on_beyond_the_bound() -> None:
    """What was forgotten still counts as added."""
    store = _store(capacity=3, num_added=5)

    assert (len(store), store.num_added) == (3, 5)


def test_empty_store_has_nothing_to_draw() -> None:
    """Drawing from no comparisons is an error, not an empty batch."""
    with pytest.raises(ValueError, match="no comparison"):
        _store(capacity=3, num_added=0).draw(np.random.default_rng(0), size=1)


def test_answer_outside_the_scale_is_refused() -> None:
    """An answer is a weight in [0, 1]."""
    with pytest.raises(ValueError, match=r"mu is 1\.5"):
        _store(capacity=3, num_added=0).add(
            np.zeros((2, 2, 3), np.float32), np.zeros((2, 2, 1), np.float32), mu=1.5
        )
