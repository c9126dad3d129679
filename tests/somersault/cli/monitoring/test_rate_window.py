"""How fast a count rises."""

from __future__ import annotations

from somersault.cli.monitoring.rate_window import RateWindow


def test_what_was_there_before_is_not_made_now() -> None:
    """A resumed run has restored 50,000 steps, and makes 100 a second."""
    window = RateWindow(window_s=30, least_s=2)
    for second in range(6):
        window.note(50_000 + 100 * second, now_s=float(second))
    assert window.rate == 100


def test_a_wait_counts() -> None:
    """Who waits for ten of twenty seconds goes half as fast."""
    window = RateWindow(window_s=30, least_s=2)
    for second in range(21):
        window.note(100 * min(second, 10), now_s=float(second))
    assert window.rate == 50


def test_only_the_newest_while_counts() -> None:
    """A slow start is forgotten once the window has passed it."""
    window = RateWindow(window_s=10, least_s=2)
    for second in range(61):
        window.note(10 * second if second < 40 else 400 + 100 * (second - 40), now_s=float(second))
    assert window.rate == 100


def test_too_little_tells_nothing() -> None:
    """Two answers within a second are no pace, nor are none."""
    window = RateWindow(window_s=300, least_s=20, least_count=5)
    assert window.rate is None
    for second in range(0, 60, 15):
        window.note(second // 15, now_s=float(second))
        assert window.rate is None
    window.note(6, now_s=60.0)
    assert window.rate == 0.1


def test_a_count_that_falls_is_measured_anew() -> None:
    """A service that goes back to its checkpoint makes no negative steps."""
    window = RateWindow(window_s=30, least_s=2)
    for count, now_s in ((1000, 0.0), (2000, 5.0), (500, 6.0), (600, 8.0)):
        window.note(count, now_s=now_s)
    assert window.rate == 50
    window.forget()
    assert window.rate is None
