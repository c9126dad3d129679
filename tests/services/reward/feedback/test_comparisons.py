"""The bounded store of answered queries."""

from __future__ import annotations

import numpy as np
import pytest

from services.reward.feedback.comparisons import Comparisons
from services.reward.segments.layout import SegmentLayout
from somersault.domain.task_spec import TaskSpec

_VECTORS = TaskSpec(task="t", frame_shape=(3,), action_dim=1, episode_steps=8, segment_steps=2, step_s=0.5)
_PICTURES = TaskSpec(
    task="t", frame_shape=(1, 2), num_frames=3, num_actions=5, episode_steps=8, segment_steps=4, step_s=0.5
)
_STEPS = np.zeros((1, 2, 1), np.int64)


def _store(*, capacity: int, num_added: int) -> Comparisons:
    store = Comparisons(SegmentLayout(_VECTORS), capacity=capacity)
    for number in range(num_added):
        observations = np.full((2, 2, 3), number, np.float32)
        store.add(observations, np.full((2, 2, 1), number, np.float32), mu=(number % 3) / 2)
    return store


def test_only_the_newest_are_held() -> None:
    """Of five comparisons in room for three, the third to fifth remain, with their answers."""
    store = _store(capacity=3, num_added=5)

    batch = store.all()
    observations, _ = store.take(batch.rows, np.repeat(_STEPS, 3, axis=0))

    np.testing.assert_array_equal(batch.sequences, [2, 3, 4])
    np.testing.assert_array_equal(batch.mu, [1.0, 0.0, 0.5])
    np.testing.assert_array_equal(observations[:, 1, 0, 2], [2, 3, 4])


def test_draws_keep_segments_and_answers_together() -> None:
    """Each row drawn has the answer and the number of its segments."""
    store = _store(capacity=10, num_added=6)

    batch = store.draw(np.random.default_rng(0), size=100)
    observations, actions = store.take(batch.rows, np.repeat(_STEPS, 100, axis=0))

    np.testing.assert_array_equal(observations[:, 0, 0, 0], batch.sequences)
    np.testing.assert_array_equal(actions[:, 1, 0, 0], batch.sequences)
    np.testing.assert_allclose(batch.mu, (batch.sequences % 3) / 2)
    assert set(batch.sequences.tolist()) == set(range(6))


def test_count_goes_on_beyond_the_bound() -> None:
    """What was discarded still counts as added."""
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


def test_step_of_a_picture_task_is_the_frames_that_were_in_view() -> None:
    """Step s is frames s to s + 2 and action s, on each side its own; frames are numbered 0 to 5, right ones from 100."""
    store = Comparisons(SegmentLayout(_PICTURES), capacity=2)
    frames = np.arange(6, dtype=np.uint8)[:, None, None] + np.zeros((1, 2), np.uint8)
    actions = np.arange(4, dtype=np.int32)
    store.add(np.stack([frames, frames + 100]), np.stack([actions, actions + 1]), mu=1.0)

    steps = np.array([[[0, 3], [1, 2]]])
    observations, taken = store.take(np.array([0]), steps)

    assert observations.shape == (1, 2, 2, 3, 1, 2)
    assert observations.dtype == np.uint8
    np.testing.assert_array_equal(observations[0, 0, :, :, 0, 0], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(observations[0, 1, :, :, 0, 1], [[101, 102, 103], [102, 103, 104]])
    np.testing.assert_array_equal(taken[0], [[0, 3], [2, 3]])


def test_unknown_action_is_refused() -> None:
    """Of five actions the last is 4."""
    store = Comparisons(SegmentLayout(_PICTURES), capacity=2)
    with pytest.raises(ValueError, match="actions is 0 to 5, must be 0 to 4"):
        store.add(np.zeros((2, 6, 1, 2), np.uint8), np.array([[0, 1, 2, 5]] * 2, np.int32), mu=1.0)


def test_weight_zero_leaves_a_comparison_out_until_its_weight_changes() -> None:
    """Of six the second and the fifth are left out, then one of them counts half."""
    store = _store(capacity=10, num_added=6)

    assert [store.reweigh(sequence, weight=0) for sequence in (1, 4)] == [True, True]
    drawn = store.draw(np.random.default_rng(0), size=200)
    assert set(drawn.sequences.tolist()) == {0, 2, 3, 5}
    assert store.num_left_out == 2

    assert store.reweigh(4, weight=0.5)
    np.testing.assert_array_equal(store.all().sequences, [0, 2, 3, 4, 5])
    np.testing.assert_array_equal(store.all().weights, [1, 1, 1, 0.5, 1])


def test_weight_of_a_discarded_comparison_changes_nothing() -> None:
    """Its row holds another now. Nor is the weight that a comparison already has a change."""
    store = _store(capacity=3, num_added=5)

    assert not store.reweigh(1, weight=0)
    assert not store.reweigh(4, weight=1)
    assert store.num_left_out == 0


def test_a_retracted_answer_is_left_out_whatever_its_weight() -> None:
    """Incomparable, then weighed, then left again: the weight holds."""
    store = _store(capacity=3, num_added=2)

    store.revise(0, mu=None)
    assert not store.reweigh(0, weight=0.5)
    assert store.num_left_out == 1
    store.revise(0, mu=1.0)
    np.testing.assert_array_equal(store.all().weights, [0.5, 1])


@pytest.mark.parametrize("weight", [-1, float("nan")])
def test_negative_weight_is_refused(weight: float) -> None:
    """An answer counts or it doesn't; it never counts as its opposite."""
    with pytest.raises(ValueError, match="weight is"):
        _store(capacity=3, num_added=1).reweigh(0, weight=weight)
