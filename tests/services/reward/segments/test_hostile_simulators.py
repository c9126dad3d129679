"""One simulator among good ones that floods, is silent, lies or takes another's name keeps no queries from the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from services.reward.segments import demands
from services.reward.segments.conversation import OfferConversation
from services.reward.segments.layout import SegmentLayout
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from services.reward.segments.session import OfferSession
from somersault.domain.task_spec import TaskSpec
from somersault.errors import InvalidInputError, ResourceExhaustedError, SomersaultError, UnavailableError
from somersault.rpc import limits
from somersault.v1 import reward_pb2
from somersault.wire import segment_to_message, stored_segment_to_message, task_spec_to_message
from tests.services.reward.doubles import SPEC, make_segment, place_of

_CAPACITY = 20


class _World:
    """Offers, and time that passes when it is told to."""

    def __init__(self, *, max_simulators: int = 1024) -> None:
        self.now_s = 0.0
        self.pool = SegmentPool(SegmentLayout(SPEC), capacity=_CAPACITY)
        self.offers = Offers(
            self.pool, capacity=_CAPACITY, max_simulators=max_simulators, clock=lambda: self.now_s
        )
        self.ended: list[str] = []

    def join(self, name: str, *, incarnation: str = "") -> OfferSession:
        """Connect a simulator."""
        return self.offers.join(incarnation or name, end=lambda: self.ended.append(name))

    def offer(self, session: OfferSession, names: Sequence[str], *, sequence: int = 0) -> None:
        """Offer segments and admit them."""
        self.offers.offer(session, sequence, [make_segment(name, 0.0, sequence=sequence) for name in names])
        self.offers.admit(None)

    def available(self, start: str) -> int:
        """Return how many segments can be asked about whose names begin so."""
        ids = self.pool.segment_ids
        return sum(ids[index].startswith(start) for index in self.offers.available_indices())


async def _serve(offers: Offers, session: OfferSession) -> None:
    """Answer every demand of a good simulator."""
    while True:
        demand = await session.outbox.get()
        offers.stored(session, demand.demand_id, [place_of(each) for each in demand.segment_ids])


@pytest.fixture
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demands, "STORE_TIMEOUT_S", 0.3)
    monkeypatch.setattr(demands, "NEWCOMER_TIMEOUT_S", 0.05)


def test_who_floods_the_pool_has_its_share_and_no_more() -> None:
    """Whatever it offers, as many segments of each other simulator stay as the pool has room for."""
    world = _World()
    good, other = world.join("good"), world.join("other")
    world.offer(good, [f"g{number}" for number in range(8)])
    world.offer(other, [f"o{number}" for number in range(4)])
    bad = world.join("bad")
    for sequence in range(50):
        world.offer(bad, [f"b{sequence}x{number}" for number in range(9)], sequence=sequence)
    assert (world.available("g"), world.available("o"), world.available("b")) == (8, 4, 8)


def test_one_simulators_newest_replace_its_oldest() -> None:
    """As if the pool were a ring of its own."""
    world = _World()
    good = world.join("good")
    for sequence in range(3):
        world.offer(good, [f"g{sequence}x{number:02d}" for number in range(10)], sequence=sequence)
    assert sorted(world.pool.segment_ids) == [f"g{s}x{number:02d}" for s in (1, 2) for number in range(10)]
    assert world.pool.segment_ids[0] == "g2x00"


def test_segments_of_who_left_go_first() -> None:
    """Nobody can store them."""
    world = _World()
    gone, good = world.join("gone"), world.join("good")
    world.offer(gone, [f"x{number}" for number in range(15)])
    world.offer(good, [f"g{number}" for number in range(5)])
    world.offers.leave(gone)
    world.offer(good, [f"h{number}" for number in range(15)], sequence=1)
    assert world.available("g") + world.available("h") == 20


def test_offers_without_segments_take_no_memory() -> None:
    """A hundred thousand of them, or of such as are known already."""
    world = _World()
    good = world.join("good")
    world.offer(good, ["g0"])
    for sequence in range(1, 1000):
        world.offers.offer(good, sequence, [])
        world.offers.offer(good, sequence, [make_segment("g0", 0.0, sequence=sequence)])
    assert not good.waiting
    assert good.newest_sequence == 999


@pytest.mark.usefixtures("_hasty")
async def test_a_demand_that_is_not_answered_is_paid_for_once() -> None:
    """Then nothing of that simulator is asked about, until it has answered after all; the others' segments come through."""
    world = _World()
    good, bad = world.join("good"), world.join("bad")
    serving = asyncio.create_task(_serve(world.offers, good))
    world.offer(good, ["g0", "g1"])
    world.offer(bad, ["b0", "b1"])
    stored = await world.offers.store(["g0", "b0"])
    assert list(stored) == ["g0"]
    assert (world.available("g"), world.available("b")) == (2, 0)
    demand = bad.outbox.get_nowait()
    world.offers.stored(bad, demand.demand_id, [place_of("b0")])
    assert world.available("b") == 2
    serving.cancel()


@pytest.mark.usefixtures("_hasty")
async def test_a_newcomer_that_is_silent_costs_less_where_others_have_stored() -> None:
    """And every other choice is made without it."""
    world = _World()
    good, bad = world.join("good"), world.join("bad")
    serving = asyncio.create_task(_serve(world.offers, good))
    world.offer(good, ["g0", "g1", "g2"])
    await world.offers.store(["g0"])
    world.offer(bad, ["b0", "b1"])
    assert [len(world.offers.candidates()) for _ in range(4)] == [3, 5, 3, 5]
    clock = asyncio.get_running_loop()
    began_s = clock.time()
    await world.offers.store(["g1", "b0"])
    assert clock.time() - began_s < 0.25
    assert [len(world.offers.candidates()) for _ in range(2)] == [3, 3]
    serving.cancel()


async def test_anothers_name_takes_nothing_over() -> None:
    """Under another's incarnation, and for segments of its names, whoever has them is asked too."""
    world = _World()
    good = world.join("good", incarnation="life")
    world.offer(good, ["g0", "g1"])
    bad = world.join("bad", incarnation="life")
    world.offer(bad, ["g0", "g1"])
    serving = asyncio.create_task(_serve(world.offers, good))
    async with asyncio.timeout(5):
        assert set(await world.offers.store(["g0", "g1"])) == {"g0", "g1"}
    world.offers.leave(bad)
    assert world.available("g") == 2
    serving.cancel()


@pytest.mark.parametrize("lie", [["g1"], ["g0", "g1"], ["g0", "g0"]])
async def test_what_nobody_demanded_is_not_stored(lie: list[str]) -> None:
    """The error says which; the demand stays open for who may answer it."""
    world = _World()
    good = world.join("good")
    world.offer(good, ["g0", "g1"])
    storing = asyncio.create_task(world.offers.store(["g0"]))
    demand = await good.outbox.get()
    with pytest.raises(InvalidInputError, match="demanded"):
        world.offers.stored(good, demand.demand_id, [place_of(each) for each in lie])
    world.offers.stored(good, demand.demand_id, [place_of("g0")])
    assert list(await storing) == ["g0"]


def test_who_says_nothing_has_to_go_when_there_is_no_room() -> None:
    """And not before: without any that has been silent for a while the newcomer is refused."""
    world = _World(max_simulators=3)
    good, *_ = [world.join(name) for name in ("good", "silent0", "silent1")]
    with pytest.raises(ResourceExhaustedError, match="3 simulators"):
        world.join("early")
    world.now_s += 11
    world.offer(good, ["g0"])
    world.join("late")
    assert world.ended == ["silent0"]


def _conversation(offers: Offers) -> OfferConversation:
    return OfferConversation(spec=SPEC, run_id="r", offers=offers)


async def test_a_stream_without_a_hello_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are opened."""
    monkeypatch.setattr(limits, "HELLO_S", 0.02)

    async def silent() -> AsyncIterator[reward_pb2.OfferSegmentsRequest]:
        await asyncio.Event().wait()
        yield reward_pb2.OfferSegmentsRequest()

    with pytest.raises(UnavailableError, match="no hello came"):
        async with asyncio.timeout(5):
            await anext(_conversation(_World().offers).hold(silent()))


def _offer(name: str, *, sequence: int, said: int) -> reward_pb2.OfferSegmentsRequest:
    segment = segment_to_message(make_segment(name, 0.0, sequence=sequence))
    return reward_pb2.OfferSegmentsRequest(
        offer=reward_pb2.SegmentOffer(rollout_sequence=said, segments=[segment])
    )


def _stored(name: str, duration_s: float) -> reward_pb2.OfferSegmentsRequest:
    place = stored_segment_to_message(place_of(name))
    place.duration_s = duration_s
    return reward_pb2.OfferSegmentsRequest(stored=reward_pb2.SegmentsStored(demand_id=1, segments=[place]))


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (_offer("x", sequence=3, said=4), "segment.rollout_sequence"),
        (_offer("x", sequence=3, said=2**62), "offer.rollout_sequence"),
        (_offer("x", sequence=3, said=-1), "offer.rollout_sequence"),
        (_stored("x", 1e5), "duration_s"),
    ],
)
async def test_what_can_not_be_is_refused(message: reward_pb2.OfferSegmentsRequest, field: str) -> None:
    """And the error names the field."""

    async def said(spec: TaskSpec = SPEC) -> AsyncIterator[reward_pb2.OfferSegmentsRequest]:
        hello = reward_pb2.OfferHello(simulator_id="s", incarnation="i", task=task_spec_to_message(spec))
        yield reward_pb2.OfferSegmentsRequest(hello=hello)
        yield message
        await asyncio.Event().wait()

    with pytest.raises(SomersaultError, match=field):
        async with asyncio.timeout(5):
            await anext(_conversation(_World().offers).hold(said()))
