"""How many offered segments may wait, and how many are demanded at once."""

from __future__ import annotations

import asyncio

from services.reward.segments.layout import SegmentLayout
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from somersault.domain.trajectory import StoredSegment
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


async def test_a_simulator_is_asked_for_no_more_at_once_than_it_takes() -> None:
    """A budget whose first share is large asks for 256 pairs together: 512 segments, of which a simulator takes 256 at a time."""
    offers = Offers(SegmentPool(SegmentLayout(SPEC), capacity=600), capacity=600)
    session = offers.join("only")
    names = [f"s{index}" for index in range(512)]
    offers.offer(session, 0, [make_segment(name, 0.0) for name in names])
    offers.admit(None)
    storing = asyncio.create_task(offers.store(names))
    sizes = []
    while sum(sizes) < len(names):
        demand = await session.outbox.get()
        sizes.append(len(demand.segment_ids))
        offers.stored(session, demand.demand_id, [_stored(name) for name in demand.segment_ids])
    assert set(await storing) == set(names)
    assert sizes == [256, 256]


def _stored(name: str) -> StoredSegment:
    return StoredSegment(
        segment_id=name, segment_uri=f"r/segments/{name}", sealed_uri=f"r/sealed/{name}", duration_s=1.0
    )
