"""How often the ensemble predicts new labels."""

from __future__ import annotations

import numpy as np

from services.reward.monitoring.preference_accuracy import PreferenceAccuracy


def _record(accuracy: PreferenceAccuracy, difference: float, *, mu: float) -> None:
    accuracy.record(np.array([difference], np.float32), np.zeros(1, np.float32), mu=mu)


def test_accuracy_counts_correct_predictions_and_skips_equals() -> None:
    """Right, wrong, equal, tie: (1 + 0 + ½) / 3 of three tests."""
    accuracy = PreferenceAccuracy()

    _record(accuracy, 2.0, mu=1.0)
    _record(accuracy, 2.0, mu=0.0)
    _record(accuracy, 2.0, mu=0.5)
    _record(accuracy, 0.0, mu=1.0)

    assert accuracy.num_tested == 3
    assert accuracy.share_correct == 0.5


def test_members_vote_by_probability_not_by_loudness() -> None:
    """Two mild voices for left outvote one that shouts right."""
    accuracy = PreferenceAccuracy()
    left = np.array([3.0, 3.0, -1_000.0], np.float32)

    accuracy.record(left, np.zeros(3, np.float32), mu=1.0)

    assert accuracy.share_correct == 1.0


def test_old_predictions_leave_the_window() -> None:
    """With a window of two, an early miss is forgotten."""
    accuracy = PreferenceAccuracy(window=2)
    for mu in (0.0, 1.0, 1.0):
        _record(accuracy, 1.0, mu=mu)

    assert accuracy.share_correct == 1.0


def test_nothing_is_claimed_before_the_first_test() -> None:
    """Without a label there is no share."""
    assert PreferenceAccuracy().share_correct is None


def test_restored_window_goes_on() -> None:
    """A checkpoint keeps the outcomes."""
    accuracy, restored = PreferenceAccuracy(), PreferenceAccuracy()
    _record(accuracy, 1.0, mu=1.0)
    _record(accuracy, 1.0, mu=0.0)

    restored.restore(accuracy.outcomes())

    assert (restored.share_correct, restored.num_tested) == (0.5, 2)
