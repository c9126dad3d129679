"""One simulator among good ones that is silent, lies about its place or takes another's name starves nobody."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

import pytest

from services.learner.config import LearnerConfig
from services.learner.rollouts import collector
from services.learner.rollouts.collector import Collector
from services.learner.rollouts.conversation import CollectConversation
from services.learner.rollouts.session import Assignment, PublishedPolicy, SimulatorSession
from somersault.domain.task_spec import TaskSpec
from somersault.errors import ResourceExhaustedError, UnavailableError
from somersault.rpc import limits
from somersault.v1 import learner_pb2
from tests.services.learner.doubles import make_rollout


class _World:
    """A collector under a clock of its own, and simulators that deliver at once."""

    def __init__(self, *, max_simulators: int = 1024, is_exclusive: bool = False) -> None:
        self.now_s = 0.0
        self.collector = Collector(
            max_simulators=max_simulators,
            max_policy_lag=8,
            is_exclusive=is_exclusive,
            clock=lambda: self.now_s,
        )
        self.version = 0
        self.num_sequences: dict[SimulatorSession, int] = {}

    def join(self, name: str, *, incarnation: str = "") -> SimulatorSession:
        """Connect a simulator."""
        return self.collector.join(
            simulator_id=name,
            incarnation=incarnation or name,
            num_environments=5,
            end=lambda: self.ended.append(name),
        )

    ended: list[str] = []  # noqa: RUF012

    def publish(self) -> None:
        """Publish the next policy."""
        self.version += 1
        self.collector.publish(PublishedPolicy(version=self.version, weights=b""))

    def deliver(self, session: SimulatorSession, *, sequence: int | None = None) -> int:
        """Deliver all that a simulator was assigned, or one rollout under a given number; return how many that were."""
        num = 0
        while not session.outbox.empty() and not (num and sequence is not None):
            item = session.outbox.get_nowait()
            if isinstance(item, Assignment):
                number = self.num_sequences.get(session, 0) if sequence is None else sequence
                self.num_sequences[session] = number + 1
                self.collector.deliver(session, make_rollout(number, item.policy_version))
                num += 1
        return num


async def test_silent_simulators_lose_their_assignments() -> None:
    """300 that never deliver: the only good one, which came last, has work again as soon as nobody counts on them."""
    world = _World()
    for number in range(300):
        world.join(f"silent{number}")
    good = world.join("good")
    world.publish()
    world.now_s += 11
    num_learned = 0
    for _ in range(20):
        async with asyncio.timeout(5):
            taking = asyncio.ensure_future(world.collector.take())
            while not taking.done():
                world.deliver(good)
                await asyncio.sleep(0.01)
            num_learned += len(taking.result())
        world.publish()
    assert num_learned >= 20


async def test_what_a_late_simulator_brings_still_counts() -> None:
    """It may only have been slow to start; then it has its share again."""
    world = _World()
    slow = world.join("slow")
    world.publish()
    world.now_s += 60
    assert world.deliver(slow) == 2
    assert len(await world.collector.take()) == 1
    world.publish()
    assert world.deliver(slow) >= 1


@pytest.mark.parametrize("place", [2**40, 10**12])
async def test_a_place_far_ahead_under_anothers_name_stops_nothing(place: int) -> None:
    """The other's own rollouts are no repeats, and neither is in the other's way."""
    world = _World()
    world.publish()
    good, bad = world.join("good", incarnation="life"), world.join("bad", incarnation="life")
    world.deliver(bad, sequence=place)
    for _ in range(5):
        world.deliver(good)
        assert any(each.rollout.sequence < place for each in await world.collector.take())
        world.publish()
    assert world.collector.num_repeated == 0


async def test_a_rollout_that_is_delivered_again_is_dropped() -> None:
    """Whichever it was among the newest."""
    world = _World()
    world.publish()
    session = world.join("s")
    for _ in range(2):
        world.deliver(session, sequence=3)
    assert world.collector.num_repeated == 1


def test_who_does_not_deliver_has_to_go_when_there_is_no_room() -> None:
    """And not before; one that delivers stays, and without any that is overdue the newcomer is refused."""
    world = _World(max_simulators=3)
    world.ended.clear()
    world.publish()
    good, *_ = [world.join(name) for name in ("good", "silent0", "silent1")]
    with pytest.raises(ResourceExhaustedError, match="3 simulators are connected"):
        world.join("early")
    world.now_s += 11
    world.deliver(good)
    world.join("late")
    assert world.ended == ["silent0"]
    assert world.collector.num_simulators == 3


@pytest.mark.parametrize("num_delivered", [0, 1])
async def test_a_first_simulator_that_is_silent_holds_no_lockstep_run(
    monkeypatch: pytest.MonkeyPatch, num_delivered: int
) -> None:
    """After a minute the next in line gathers, from the first rollout it is asked for; the owner is told who was silent."""
    told: list[str] = []
    monkeypatch.setattr(collector, "tell_owner", told.append)
    monkeypatch.setattr(collector, "_LOOK_AGAIN_S", 0.01)
    world = _World(is_exclusive=True)
    world.ended.clear()
    first, second = world.join("first"), world.join("second")
    world.publish()
    for _ in range(num_delivered):
        world.deliver(first)
        await world.collector.take()
        world.publish()
    if num_delivered:
        first.outbox = asyncio.Queue()
        while world.collector._ready:
            await world.collector.take()
            world.publish()
    taking = asyncio.ensure_future(world.collector.take())
    world.now_s += 59
    await asyncio.sleep(0.05)
    assert (world.ended, second.outstanding) == ([], deque())
    world.now_s += 2
    async with asyncio.timeout(5):
        while not world.deliver(second):
            await asyncio.sleep(0.01)
        (collected,) = await taking
    assert collected.incarnation == "second"
    assert world.ended == ["first"]
    assert len(told) == 1
    assert "waits for simulator first (first)" in told[0]
    assert "second gathers" in told[0]


async def test_the_only_simulator_is_named_and_may_be_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its stream, since it would have to begin anew; the owner is told once."""
    told: list[str] = []
    monkeypatch.setattr(collector, "tell_owner", told.append)
    monkeypatch.setattr(collector, "_LOOK_AGAIN_S", 0.01)
    world = _World(is_exclusive=True)
    world.ended.clear()
    only = world.join("only")
    world.publish()
    taking = asyncio.ensure_future(world.collector.take())
    world.now_s += 300
    await asyncio.sleep(0.05)
    assert [text.split(",")[0] for text in told] == ["the learner waits for simulator only (only)"]
    assert world.ended == []
    world.deliver(only)
    assert len(await taking) == 1


async def test_a_stream_without_a_hello_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are opened."""
    monkeypatch.setattr(limits, "HELLO_S", 0.02)
    spec = TaskSpec(task="t", frame_shape=(2,), action_dim=1, episode_steps=9, segment_steps=4, step_s=0.1)

    async def silent() -> AsyncIterator[learner_pb2.CollectRequest]:
        await asyncio.Event().wait()
        yield learner_pb2.CollectRequest()

    held = CollectConversation(
        config=LearnerConfig(task="t", run_id="r", storage_url="file:///nowhere"),
        spec=spec,
        collector=Collector(max_simulators=1, max_policy_lag=8, is_exclusive=False),
        env_steps=lambda: 0,
    )
    with pytest.raises(UnavailableError, match="no hello came"):
        async with asyncio.timeout(5):
            await anext(held.hold(silent()))
