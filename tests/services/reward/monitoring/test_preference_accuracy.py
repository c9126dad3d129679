"""Running agreement of the ensemble with new labels."""

from __future__ import annotations

import numpy as np

from services.reward.monitoring.preference_accuracy import AgreementMonitor


def _record(monitor: AgreementMonitor, difference: float, *, mu: float) -> None:
    monitor.record(np.array([difference], np.float32), np.zeros(1, np.float32), mu=mu)


def test_agreement_counts_right_forecasts_and_skips_equals() -> None:
    """Right, wrong, equal, tie: (1 + 0 + ½) / 3 of three tests."""
    monitor = AgreementMonitor()

    _record(monitor, 2.0, mu=1.0)
    _record(monitor, 2.0, mu=0.0)
    _record(monitor, 2.0, mu=0.5)
    _record(monitor, 0.0, mu=1.0)

    assert monitor.num_tested == 3
    assert monitor.agreement == 0.5


def test_members_vote_by_probability_not_by_loudness() -> None:
    """Two mild voices for left outvote one that shouts right."""
    monitor = AgreementMonitor()
    left = np.array([3.0, 3.0, -1_000.0], np.float32)

    monitor.record(left, np.zeros(3, np.float32), mu=1.0)

    assert monitor.agreement == 1.0


def test_old_forecasts_leave_the_window() -> None:
    """With a window of two, an early miss is forgotten."""
    monitor = AgreementMonitor(window=2)
    for mu in (0.0, 1.0, 1.0):
        _record(monitor, 1.0, mu=mu)

    assert monitor.agreement == 1.0


def test_nothing_is_claimed_before_the_first_test() -> None:
    """Without a label there is no figure."""
    assert AgreementMonitor().agreement is None


def test_restored_window_goes_on() -> None:
    """A checkpoint keeps the forecasts."""
    monitor, restored = AgreementMonitor(), AgreementMonitor()
    _record(monitor, 1.0, mu=1.0)
    _record(monitor, 1.0, mu=0.0)

    restored.restore(monitor.outcomes())

    assert (restored.agreement, restored.num_tested) == (0.5, 2)
