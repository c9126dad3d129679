"""Offers are kept newest first in mind, bounded; offsets share out an episode."""

from __future__ import annotations

import numpy as np
import pytest

from services.simulator.segments.offers import Offer, OfferRing, RecordedSegment, draw_offsets
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
        ring.add(offer)
    sequence, seen = -1, []
    while (offer := ring.after(sequence)) is not None:
        sequence = offer.rollout_sequence
        seen.append([kept.segment.segment_id for kept in offer.segments])
    assert seen == [["a"], [], ["b", "c"]]


def test_oldest_offers_are_forgotten_beyond_the_bound() -> None:
    """With room for three segments the first offer goes when the fourth comes."""
    ring = OfferRing(3)
    for offer in (_offer(0, "a", "b"), _offer(1, "c"), _offer(2, "d")):
        ring.add(offer)
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
        ring.add(_offer(sequence))
    oldest = ring.after(-1)
    assert oldest is not None
    assert oldest.rollout_sequence == 97


def test_oldest_offers_are_forgotten_beyond_the_bytes() -> None:
    """A segment of 2 steps takes 88 + 24 + 8 + 312 = 432 bytes: in 1,000 there is room for two."""
    ring = OfferRing(10, max_bytes=1000)
    for sequence, name in enumerate("abc"):
        ring.add(_offer(sequence, name))
    assert _offer(0, "a").segments[0].num_bytes == 432
    assert [ring.get(name) is not None for name in "abc"] == [False, True, True]


def test_ring_without_room_is_refused() -> None:
    """The error names the setting."""
    with pytest.raises(InvalidInputError, match="max_segments"):
        OfferRing(0)


def test_offsets_fit_without_overlap() -> None:
    """Two segments of 188 in 400 steps begin 188 or more apart and end by 400."""
    rng = np.random.default_rng(0)
    firsts = set()
    for _ in range(10_000):
        first, second = draw_offsets(rng, episode_steps=400, segment_steps=188, num_segments=2)
        assert 0 <= first <= second - 188 <= 24
        firsts.add(first)
    assert firsts == set(range(25))


def test_only_as_many_offsets_as_fit() -> None:
    """A rest of 200 steps takes one segment of 188, one of 100 none."""
    rng = np.random.default_rng(0)
    assert len(draw_offsets(rng, episode_steps=200, segment_steps=188, num_segments=2)) == 1
    assert draw_offsets(rng, episode_steps=100, segment_steps=188, num_segments=2) == []
