"""The collector between simulators that come, go and deliver at any rate, in simulated time.

A world of ticks: each simulator works on its oldest assignment and delivers when it has made as many ticks as a
rollout takes it; the learner takes a batch whenever it may, improves for some ticks and publishes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.learner.rollouts.collector import Collector
from services.learner.rollouts.session import Assignment, PublishedPolicy, SimulatorSession
from somersault.domain.trajectory import Rollout

_EMPTY = np.zeros((0, 0), np.float32)
_TICK_S = 0.1


@dataclass(eq=False)
class _Simulator:
    """Gathers what is assigned, one rollout after another."""

    session: SimulatorSession
    ticks: int
    """Ticks a rollout takes."""
    assigned: list[int] = field(default_factory=list)
    progress: int = 0
    sequence: int = 0

    def tick(self, collector: Collector) -> None:
        while not self.session.outbox.empty():
            item = self.session.outbox.get_nowait()
            if isinstance(item, Assignment):
                self.assigned.append(item.policy_version)
        if not self.assigned:
            return
        self.progress += 1
        if self.progress >= self.ticks:
            collector.deliver(self.session, _rollout(self.sequence, self.assigned.pop(0)))
            self.sequence, self.progress = self.sequence + 1, 0


@dataclass
class _World:
    """The collector, its simulators, and a learner that takes ``improvement_ticks`` for each improvement."""

    improvement_ticks: int = 1
    max_batch: int = 64
    now_s: float = 0.0
    version: int = 0
    simulators: list[_Simulator] = field(default_factory=list)
    taken: list[tuple[str, int]] = field(default_factory=list)
    lags: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    num_delivered: int = 0
    num_joined: int = 0

    def __post_init__(self) -> None:
        self.collector = Collector(
            max_simulators=1000,
            max_policy_lag=8,
            max_batch_rollouts=self.max_batch,
            is_exclusive=False,
            clock=lambda: self.now_s,
        )
        self.collector.publish(PublishedPolicy(version=0, weights=b""))
        self._busy = 0

    def join(self, ticks: int) -> None:
        session = self.collector.join(
            simulator_id="s", incarnation=f"life-{self.num_joined}", num_environments=1
        )
        self.num_joined += 1
        self.simulators.append(_Simulator(session=session, ticks=ticks))

    def leave(self, which: int) -> None:
        if self.simulators:
            simulator = self.simulators.pop(which % len(self.simulators))
            self.collector.leave(simulator.session)

    async def tick(self) -> None:
        self.now_s += _TICK_S
        for simulator in self.simulators:
            before = simulator.sequence
            simulator.tick(self.collector)
            self.num_delivered += simulator.sequence - before
        if self._busy:
            self._busy -= 1
            if not self._busy:
                self.version += 1
                self.collector.publish(PublishedPolicy(version=self.version, weights=b""))
            return
        taking = asyncio.ensure_future(self.collector.take())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if not taking.done():
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
            return
        self.sizes.append(len(taking.result()))
        self.taken += [(each.incarnation, each.rollout.sequence) for each in taking.result()]
        self.lags += [self.collector.lag(each.rollout) for each in taking.result()]
        self._busy = self.improvement_ticks

    async def run(self, num_ticks: int) -> None:
        for _ in range(num_ticks):
            await self.tick()

    def shares(self) -> Counter[str]:
        return Counter(name for name, _ in self.taken)


def _rollout(sequence: int, policy_version: int) -> Rollout:
    return Rollout(
        sequence=sequence,
        policy_version=policy_version,
        observations=_EMPTY,
        actions=_EMPTY,
        log_probs=_EMPTY,
        is_truncated=_EMPTY.astype(np.bool_),
        final_observations=_EMPTY,
        next_observations=_EMPTY,
    )


@pytest.mark.parametrize("improvement_ticks", [1, 10, 40])
@pytest.mark.parametrize("num_simulators", [1, 2, 3, 7, 8, 9, 16, 33, 64])
async def test_rollouts_of_equal_simulators_stay_young(num_simulators: int, improvement_ticks: int) -> None:
    """Whatever their number and the learner's speed: none is dropped, none older than 4 versions, shares equal.

    Two pending of each and at least half of them taken at once is an age of at most 2 S / (S / 2) - 1 = 3, one more
    where the learner publishes between.
    """
    world = _World(improvement_ticks=improvement_ticks)
    for number in range(num_simulators):
        world.join(ticks=10 + number % 3)
    await world.run(600)
    assert world.collector.num_stale == 0
    assert max(world.lags) <= (1 if num_simulators == 1 else 4)
    shares = world.shares().values()
    assert len(shares) == num_simulators
    assert min(shares) >= 0.7 * max(shares)


async def test_more_simulators_than_four_batches_hold_take_turns() -> None:
    """150 simulators and batches of 16: 64 gather at a time, all in turn, and nothing is dropped."""
    world = _World(improvement_ticks=2, max_batch=16)
    for _ in range(150):
        world.join(ticks=10)
    await world.run(1000)
    assert world.collector.num_stale == 0
    assert max(world.lags) <= 5
    assert len(world.shares()) == 150
    assert min(world.shares().values()) >= max(world.shares().values()) - 2


async def test_a_fast_simulator_does_not_crowd_out_the_others() -> None:
    """Ten times as fast as seven others, it gives a batch no more than one rollout, and theirs are not too old.

    Only the first two of each of the others are: nobody is waited for before its first rollout.
    """
    world = _World()
    world.join(ticks=2)
    for _ in range(7):
        world.join(ticks=20)
    await world.run(1500)
    others = [world.shares()[f"life-{number}"] for number in range(1, 8)]
    assert world.collector.num_stale <= 14
    assert min(others) >= 1500 / 20 - 5, "each of them gathers all the time"
    assert world.shares()["life-0"] <= len(world.sizes)


async def test_a_slow_simulator_neither_holds_the_others_nor_starves() -> None:
    """Three times as slow as seven others, which are taken as often as without it; what it brings is taken too."""
    alone, beside = _World(), _World()
    for _ in range(7):
        alone.join(ticks=10)
        beside.join(ticks=10)
    beside.join(ticks=30)
    await alone.run(900)
    await beside.run(900)
    assert beside.shares()["life-0"] >= alone.shares()["life-0"] - 1
    assert beside.shares()["life-7"] >= 900 / 30 - 3


async def test_simulators_that_hang_do_not_stall_the_learner() -> None:
    """Seven of eight never deliver again, still connected: after their time is up the eighth is learned from alone."""
    world = _World()
    for _ in range(8):
        world.join(ticks=5)
    await world.run(100)
    for simulator in world.simulators[1:]:
        simulator.ticks = 10**9
    await world.run(120)  # 12 s: 10 until they count as late
    before = world.shares()["life-0"]
    await world.run(100)
    assert world.shares()["life-0"] >= before + 100 / 5 - 3


_EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.integers(1, 60)),
        st.tuples(st.just("leave"), st.integers(0, 20)),
        st.tuples(st.just("run"), st.integers(1, 40)),
    ),
    min_size=1,
    max_size=40,
)


@given(events=_EVENTS, improvement_ticks=st.integers(1, 20), max_batch=st.sampled_from([1, 2, 5, 64]))
@settings(max_examples=60, deadline=None)
async def test_any_coming_and_going_is_bounded_fair_and_never_stalls(
    events: list[tuple[str, int]], improvement_ticks: int, max_batch: int
) -> None:
    """Nothing is taken twice or lost, what is pending is bounded, and whoever is there at the end is learned from."""
    world = _World(improvement_ticks=improvement_ticks, max_batch=max_batch)
    most_simulators = 0
    for kind, number in events:
        if kind == "join":
            world.join(ticks=number)
        elif kind == "leave":
            world.leave(number)
        else:
            await world.run(number)
        most_simulators = max(most_simulators, len(world.simulators))
        assert world.collector.num_pending <= min(2 * most_simulators, 4 * max_batch)
    _check_books(world)
    if not world.simulators:
        return
    # Each is heard within: what a late one is waited for (100 ticks, or four of its rollouts), two of its rollouts,
    # and its turn among all, twice.
    slowest = max(simulator.ticks for simulator in world.simulators)
    turns = 2 * -(-len(world.simulators) // max_batch) + 2
    before = world.num_delivered
    heard = {simulator.session.incarnation: simulator.sequence for simulator in world.simulators}
    await world.run(100 + 4 * slowest + turns * (2 * slowest + improvement_ticks + 1))
    assert world.num_delivered > before
    for simulator in world.simulators:
        assert simulator.sequence > heard[simulator.session.incarnation], "a simulator got nothing to do"
    _check_books(world)


def _check_books(world: _World) -> None:
    waiting = world.collector.num_pending - sum(len(each.session.outstanding) for each in world.simulators)
    assert len(set(world.taken)) == len(world.taken)
    assert len(world.taken) + world.collector.num_stale + waiting == world.num_delivered
    assert not world.sizes or max(world.sizes) <= world.max_batch
