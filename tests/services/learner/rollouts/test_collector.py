"""Assignments and rollouts: lag one, batches, bounds, repeats, who gathers in lockstep."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from services.learner.rollouts.batch import Collected
from services.learner.rollouts.collector import Collector
from services.learner.rollouts.session import Assignment, PublishedPolicy, SimulatorSession
from somersault.domain.trajectory import Rollout
from somersault.errors import FailedPreconditionError, InvalidInputError, ResourceExhaustedError


def _collector(
    *,
    is_exclusive: bool = False,
    max_policy_lag: int = 8,
    max_simulators: int = 8,
    max_batch_rollouts: int = 64,
) -> Collector:
    return Collector(
        max_simulators=max_simulators,
        max_policy_lag=max_policy_lag,
        max_batch_rollouts=max_batch_rollouts,
        is_exclusive=is_exclusive,
    )


def _join(collector: Collector, incarnation: str = "a") -> SimulatorSession:
    return collector.join(simulator_id="s", incarnation=incarnation, num_environments=1)


def _rollout(sequence: int, policy_version: int) -> Rollout:
    return Rollout(
        sequence=sequence,
        policy_version=policy_version,
        observations=np.zeros((1, 1, 2), np.float32),
        actions=np.zeros((1, 1, 1), np.float32),
        log_probs=np.zeros((1, 1), np.float32),
        is_truncated=np.zeros((1, 1), np.bool_),
        final_observations=np.zeros((0, 2), np.float32),
        next_observations=np.zeros((1, 2), np.float32),
    )


def _sent(session: SimulatorSession) -> list[tuple[str, int]]:
    items = []
    while not session.outbox.empty():
        item = session.outbox.get_nowait()
        is_assignment = isinstance(item, Assignment)
        items.append(("assign", item.policy_version) if is_assignment else ("policy", item.version))
    return items


def _publish(collector: Collector, version: int) -> None:
    collector.publish(PublishedPolicy(version=version, weights=b"w"))


def _names(taken: tuple[Collected, ...]) -> list[tuple[str, int]]:
    return [(each.incarnation, each.rollout.sequence) for each in taken]


async def _is_waiting(take: asyncio.Task[tuple[Collected, ...]]) -> bool:
    for _ in range(3):
        await asyncio.sleep(0)
    return not take.done()


async def test_rollout_k_is_gathered_under_policy_k_minus_one() -> None:
    """One simulator works under lag one: rollouts 0 and 1 under policy 0, then k under k - 1, one per improvement."""
    collector = _collector()
    session = _join(collector)
    _publish(collector, 0)
    assert _sent(session) == [("policy", 0), ("assign", 0), ("assign", 0)]
    collector.deliver(session, _rollout(0, 0))
    assert _sent(session) == []
    assert _names(await collector.take()) == [("a", 0)]
    _publish(collector, 1)
    assert _sent(session) == [("policy", 1), ("assign", 1)]
    collector.deliver(session, _rollout(1, 0))
    assert _names(await collector.take()) == [("a", 1)]
    _publish(collector, 2)
    assert _sent(session) == [("policy", 2), ("assign", 2)]
    collector.deliver(session, _rollout(2, 1))
    (taken,) = await collector.take()
    assert (taken.rollout.policy_version, collector.lag(taken.rollout)) == (1, 1)


async def test_a_learner_that_takes_nothing_is_owed_two_rollouts_of_each_simulator() -> None:
    """Nothing beyond that is assigned, whatever is delivered."""
    collector = _collector()
    sessions = [_join(collector, name) for name in "abc"]
    _publish(collector, 0)
    assert [len(session.outstanding) for session in sessions] == [2, 2, 2]
    for session in sessions:
        collector.deliver(session, _rollout(0, 0))
    _publish(collector, 0)
    assert [len(session.outstanding) for session in sessions] == [1, 1, 1]


async def test_no_more_is_pending_than_four_batches() -> None:
    """More would only grow older: with 8 simulators and batches of 1, the first 4 simulators have one pending each."""
    collector = _collector(max_batch_rollouts=1)
    sessions = [_join(collector, name) for name in "abcdefgh"]
    _publish(collector, 0)
    assert [len(session.outstanding) for session in sessions] == [1, 1, 1, 1, 0, 0, 0, 0]
    collector.deliver(sessions[0], _rollout(0, 0))
    await collector.take()
    _publish(collector, 1)
    assert [len(session.outstanding) for session in sessions] == [0, 1, 1, 1, 1, 0, 0, 0]


async def test_a_batch_is_one_rollout_of_each_simulator_that_has_one() -> None:
    """The second rollout of a fast simulator waits for the next batch, even while there is room in this one."""
    collector = _collector()
    a, b, c = (_join(collector, name) for name in "abc")
    _publish(collector, 0)
    collector.deliver(b, _rollout(0, 0))
    collector.deliver(b, _rollout(1, 0))
    collector.deliver(a, _rollout(0, 0))
    assert _names(await collector.take()) == [("b", 0), ("a", 0)]
    collector.deliver(c, _rollout(0, 0))
    assert _names(await collector.take()) == [("b", 1), ("c", 0)]


async def test_the_oldest_rollouts_come_first_into_a_full_batch() -> None:
    """By policy version, then by arrival."""
    collector = _collector(max_batch_rollouts=2)
    a, b, c = (_join(collector, name) for name in "abc")
    _publish(collector, 0)
    collector.deliver(a, _rollout(0, 0))
    collector.deliver(a, _rollout(1, 0))
    await collector.take()
    await collector.take()
    _publish(collector, 1)
    collector.deliver(a, _rollout(2, 1))
    collector.deliver(c, _rollout(0, 0))
    collector.deliver(b, _rollout(0, 0))
    assert _names(await collector.take()) == [("c", 0), ("b", 0)]


async def test_a_batch_waits_for_half_of_the_simulators_at_work() -> None:
    """Of four that have delivered before, two must have a rollout ready; the slower two are not waited for."""
    collector = _collector()
    sessions = [_join(collector, name) for name in "abcd"]
    _publish(collector, 0)
    for session in sessions:
        collector.deliver(session, _rollout(0, 0))
    assert len(await collector.take()) == 4
    _publish(collector, 1)
    taking = asyncio.create_task(collector.take())
    collector.deliver(sessions[2], _rollout(1, 0))
    assert await _is_waiting(taking)
    collector.deliver(sessions[0], _rollout(1, 0))
    assert _names(await taking) == [("c", 1), ("a", 1)]


async def test_nobody_waits_for_a_simulator_that_has_not_delivered_yet() -> None:
    """It may be loading its environments, or die before its first rollout."""
    collector = _collector()
    first, *_ = (_join(collector, name) for name in "abcd")
    _publish(collector, 0)
    collector.deliver(first, _rollout(0, 0))
    assert _names(await collector.take()) == [("a", 0)]


async def test_a_simulator_that_leaves_is_waited_for_no_longer() -> None:
    """With three of four gone, the one that remains is enough."""
    collector = _collector()
    sessions = [_join(collector, name) for name in "abcd"]
    _publish(collector, 0)
    for session in sessions:
        collector.deliver(session, _rollout(0, 0))
    await collector.take()
    _publish(collector, 1)
    taking = asyncio.create_task(collector.take())
    collector.deliver(sessions[3], _rollout(1, 0))
    assert await _is_waiting(taking)
    collector.leave(sessions[0])
    assert await _is_waiting(taking), "one of three is less than half"
    collector.leave(sessions[1])
    assert _names(await taking) == [("d", 1)]


async def test_simulators_that_are_late_are_waited_for_no_longer() -> None:
    """After 10 s, or four times as long as its last rollout took, a silent simulator no longer counts."""
    now_s = [0.0]
    collector = Collector(max_simulators=4, max_policy_lag=8, is_exclusive=False, clock=lambda: now_s[0])
    sessions = [_join(collector, name) for name in "abc"]
    _publish(collector, 0)
    for session in sessions:
        collector.deliver(session, _rollout(0, 0))
    await collector.take()
    _publish(collector, 1)
    collector.deliver(sessions[0], _rollout(1, 0))
    now_s[0] = 9.99
    taking = asyncio.create_task(collector.take())
    assert await _is_waiting(taking)
    now_s[0] = 10.0
    assert _names(await taking) == [("a", 1)]


async def test_a_simulator_too_slow_for_two_has_one_rollout_pending() -> None:
    """Beyond half the allowed lag it is assigned one at a time, until its rollouts are fresh again."""
    collector = _collector(max_policy_lag=8)
    session = _join(collector)
    _publish(collector, 0)
    _publish(collector, 5)
    collector.deliver(session, _rollout(0, 0))
    await collector.take()
    _publish(collector, 5)
    assert list(session.outstanding) == [0]
    collector.deliver(session, _rollout(1, 0))
    await collector.take()
    _publish(collector, 6)
    assert list(session.outstanding) == [6]
    collector.deliver(session, _rollout(2, 6))
    await collector.take()
    _publish(collector, 7)
    assert list(session.outstanding) == [7, 7]


async def test_a_repeated_rollout_is_dropped_and_counted() -> None:
    """The same (incarnation, sequence) counts once, even over a second connection."""
    collector = _collector()
    session = _join(collector)
    _publish(collector, 0)
    collector.deliver(session, _rollout(0, 0))
    collector.leave(session)
    again = _join(collector)
    collector.deliver(again, _rollout(0, 0))
    assert collector.num_repeated == 1
    assert _names(await collector.take()) == [("a", 0)]


async def test_what_departed_simulators_delivered_bounds_what_is_assigned() -> None:
    """However many come, deliver and go while the learner takes nothing, two rollouts per simulator are kept."""
    collector = _collector()
    for number in range(20):
        session = _join(collector, f"life-{number}")
        _publish(collector, 0)
        if session.outstanding:
            collector.deliver(session, _rollout(0, 0))
        collector.leave(session)
    assert collector.num_pending == 2


async def test_a_stale_rollout_is_dropped_and_counted() -> None:
    """A rollout that is too many policy versions old is never learned from."""
    collector = _collector(max_policy_lag=1)
    session = _join(collector)
    _publish(collector, 0)
    collector.deliver(session, _rollout(0, 0))
    _publish(collector, 2)
    collector.deliver(session, _rollout(1, 0))
    waiting = asyncio.create_task(collector.take())
    await asyncio.sleep(0)
    assert collector.num_stale == 2
    collector.deliver(session, _rollout(2, 2))
    assert _names(await waiting) == [("a", 2)]


async def test_in_lockstep_a_second_simulator_stands_by_until_the_first_leaves() -> None:
    """Only one gathers, and another takes over what it owed."""
    collector = _collector(is_exclusive=True)
    first, second = _join(collector, "a"), _join(collector, "b")
    _publish(collector, 0)
    assert len(first.outstanding) == 2
    assert _sent(second) == []
    collector.leave(first)
    assert _sent(second) == [("policy", 0), ("assign", 0), ("assign", 0)]


async def test_in_lockstep_a_batch_is_one_rollout() -> None:
    """Even while the rollout of a simulator that has left waits beside the next one's."""
    collector = _collector(is_exclusive=True)
    first, second = _join(collector, "a"), _join(collector, "b")
    _publish(collector, 0)
    collector.deliver(first, _rollout(0, 0))
    collector.leave(first)
    collector.deliver(second, _rollout(0, 0))
    assert _names(await collector.take()) == [("a", 0)]
    assert _names(await collector.take()) == [("b", 0)]


async def test_a_rollout_nobody_asked_for_is_refused() -> None:
    """A rollout must answer an assignment."""
    collector = _collector()
    session = _join(collector)
    with pytest.raises(FailedPreconditionError, match="answers no assignment"):
        collector.deliver(session, _rollout(0, 0))


async def test_a_rollout_under_another_policy_is_refused() -> None:
    """The error names its version and the assigned one."""
    collector = _collector()
    session = _join(collector)
    _publish(collector, 3)
    with pytest.raises(InvalidInputError, match=r"policy_version is 2, must be the assigned version 3"):
        collector.deliver(session, _rollout(0, 2))


async def test_too_many_simulators_are_refused() -> None:
    """The bound is in the message."""
    collector = _collector(max_simulators=1)
    _join(collector)
    with pytest.raises(ResourceExhaustedError, match="1 simulators"):
        _join(collector, "b")


async def test_nothing_is_assigned_while_paused() -> None:
    """Pause holds assignments back, resume sends them."""
    collector = _collector()
    session = _join(collector)
    collector.pause()
    _publish(collector, 0)
    assert _sent(session) == []
    collector.resume()
    assert ("assign", 0) in _sent(session)


async def test_simulators_gather_for_their_segments_alone_while_the_learner_waits() -> None:
    """Each one's newest rollout is kept; the others, and those of simulators that left, are dropped and counted."""
    collector = _collector()
    _publish(collector, 0)
    gone = _join(collector, "gone")
    for sequence in range(2):
        collector.deliver(gone, _rollout(sequence, 0))
    collector.leave(gone)
    session = _join(collector, "here")
    assert not session.outstanding  # the rollouts of the one that left leave no room
    collector.want_segments(is_wanted=True)
    for sequence in range(5):
        assert len(session.outstanding) == 1
        collector.deliver(session, _rollout(sequence, 0))
    assert (collector.num_spare, collector.num_spare_steps) == (6, 6)
    collector.want_segments(is_wanted=False)
    assert _names(await collector.take()) == [("here", 4)]


async def test_nothing_is_gathered_for_segments_in_a_pause() -> None:
    """Not even for segments: a pause is a pause."""
    collector = _collector()
    collector.pause()
    _publish(collector, 0)
    session = _join(collector)
    collector.want_segments(is_wanted=True)
    assert not session.outstanding
    collector.resume()
    assert len(session.outstanding) == 1
