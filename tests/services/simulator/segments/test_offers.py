"""The newest offers of one run are kept, within bounds."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from services.simulator.segments.offers import Offer, OfferRing
from services.simulator.segments.recorded_segment import RecordedSegment
from somersault.domain.trajectory import Segment
from somersault.errors import InvalidInputError


def _offer(sequence: int, *names: str) -> Offer:
    def make(name: str) -> RecordedSegment:
        segment = Segment(
            segment_id=name,
            observations=np.zeros((2, 11), np.float32),
            actions=np.zeros((2, 3), np.float32),
            rollout_sequence=sequence,
            policy_version=0,
        )
        return RecordedSegment(
            segment=segment,
            footage={"states": np.zeros((3, 13))},
            true_rewards=np.array([0.5, 1.5], np.float32),
            recent_return_mean=0.0,
            recent_return_std=1.0,
        )

    return Offer(sequence, [make(name) for name in names])


def test_true_return_is_the_sum_of_true_rewards() -> None:
    """0.5 + 1.5 = 2."""
    assert _offer(0, "a").segments[0].true_return == 2.0


def test_offers_are_given_in_order_after_each_other() -> None:
    """A reader that says what it had last gets the next, empty offers included."""
    ring = OfferRing(10)
    for offer in (_offer(0, "a"), _offer(1), _offer(2, "b", "c")):
        ring.add(offer, run_id="run-1")
    sequence, seen = -1, []
    while (offer := ring.after(sequence)) is not None:
        sequence = offer.rollout_sequence
        seen.append([kept.segment.segment_id for kept in offer.segments])
    assert seen == [["a"], [], ["b", "c"]]


def test_oldest_offers_are_forgotten_beyond_the_bound() -> None:
    """With room for three segments the first offer goes when the fourth comes."""
    ring = OfferRing(3)
    for offer in (_offer(0, "a", "b"), _offer(1, "c"), _offer(2, "d")):
        ring.add(offer, run_id="run-1")
    assert ring.get("a") is None
    assert ring.get("d") is not None
    assert len(ring) == 2
    oldest = ring.after(-1)
    assert oldest is not None
    assert oldest.rollout_sequence == 1


def test_empty_offers_are_bounded_too() -> None:
    """Rollouts in which nothing ended can't fill the memory."""
    ring = OfferRing(3)
    for sequence in range(100):
        ring.add(_offer(sequence), run_id="run-1")
    oldest = ring.after(-1)
    assert oldest is not None
    assert oldest.rollout_sequence == 97


def test_oldest_offers_are_forgotten_beyond_the_bytes() -> None:
    """A segment of 2 steps takes 88 + 24 + 8 + 312 = 432 bytes: in 1,000 there is room for two."""
    ring = OfferRing(10, max_bytes=1000)
    for sequence, name in enumerate("abc"):
        ring.add(_offer(sequence, name), run_id="run-1")
    assert _offer(0, "a").segments[0].num_bytes == 432
    assert [ring.get(name) is not None for name in "abc"] == [False, True, True]


def test_first_offer_of_another_run_replaces_all() -> None:
    """Nothing of the old run can be demanded or offered again."""
    ring = OfferRing(10)
    ring.add(_offer(0, "old"), run_id="run-1")
    ring.add(_offer(1, "new"), run_id="run-2")
    assert (ring.run_id, len(ring), ring.get("old")) == ("run-2", 1, None)
    oldest = ring.after(-1)
    assert oldest is not None
    assert oldest.rollout_sequence == 1


async def test_waiting_ends_with_the_next_offer() -> None:
    """A reader that has seen everything is woken when more comes."""
    ring = OfferRing(10)
    ring.add(_offer(0, "a"), run_id="run-1")
    assert (await ring.wait_after(-1)).rollout_sequence == 0
    waiting = asyncio.create_task(ring.wait_after(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    ring.add(_offer(1), run_id="run-1")
    assert (await waiting).rollout_sequence == 1


def test_ring_without_room_is_refused() -> None:
    """The error names the setting."""
    with pytest.raises(InvalidInputError, match="max_segments"):
        OfferRing(0)
