"""How long clients wait."""

from __future__ import annotations

from somersault.rpc import Backoff


def test_wait_doubles_up_to_the_cap() -> None:
    """Each wait lies between half and whole of 0.1, 0.2, 0.4, … and never above the cap."""
    backoff = Backoff(first_s=0.1, cap_s=0.5)
    for longest in (0.1, 0.2, 0.4, 0.5, 0.5):
        assert longest / 2 <= backoff.next_delay_s() <= longest


def test_reset_begins_again() -> None:
    """After a success the next wait is the first."""
    backoff = Backoff(first_s=0.1, cap_s=10.0)
    for _ in range(5):
        backoff.next_delay_s()
    backoff.reset()
    assert backoff.next_delay_s() <= 0.1


def test_wait_stays_bounded_after_many_failures() -> None:
    """A peer that is away for a year overflows nothing."""
    backoff = Backoff(first_s=0.1, cap_s=2.0)
    assert max(backoff.next_delay_s() for _ in range(5000)) <= 2.0
