"""How many offered segments may wait."""

from __future__ import annotations

from services.reward.segments.layout import SegmentLayout
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from tests.services.reward.doubles import SPEC, make_segment


def test_waiting_offers_are_bounded_over_all_simulators() -> None:
    """Of 4 + 2 + 3 segments where 6 may wait, the oldest offer of the simulator that has most is forgotten."""
    offers = Offers(SegmentPool(SegmentLayout(SPEC), capacity=6), capacity=6)
    greedy, modest = offers.join("greedy"), offers.join("modest")
    for sequence in (0, 1):
        names = [f"g{sequence}{index}" for index in range(2)]
        offers.offer(greedy, sequence, [make_segment(name, 0.0, sequence=sequence) for name in names])
    offers.offer(modest, 0, [make_segment(f"m{index}", 0.0) for index in range(2)])

    offers.offer(greedy, 2, [make_segment(f"g2{index}", 0.0, sequence=2) for index in range(2)])

    assert (greedy.num_waiting, modest.num_waiting) == (4, 2)
    assert [sequence for sequence, _ in greedy.waiting] == [1, 2]
