"""Assignments and rollouts: lag one, bounds, repeats, who gathers in lockstep."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from services.learner.collector import Collector, PublishedPolicy, SimulatorSession
from somersault.errors import FailedPreconditionError, InvalidInputError, ResourceExhaustedError
from somersault.types import Rollout


def _collector(*, is_exclusive: bool = False, max_policy_lag: int = 8, max_simulators: int = 4) -> Collector:
    return Collector(max_simulators=max_simulators, max_policy_lag=max_policy_lag, is_exclusive=is_exclusive)


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
        is_policy = isinstance(item, PublishedPolicy)
        items.append(("policy", item.version) if is_policy else ("assign", item.policy_version))
    return items


def _publish(collector: Collector, version: int) -> None:
    collector.publish(PublishedPolicy(version=version, weights=b"w"))


async def test_rollout_k_is_gathered_under_policy_k_minus_one() -> None:
    """One simulator works under lag one: rollouts 0 and 1 under policy 0, then k under k - 1."""
    collector = _collector()
    session = _join(collector)
    _publish(collector, 0)
    assert _sent(session) == [("policy", 0), ("assign", 0), ("assign", 0)]
    collector.deliver(session, _rollout(0, 0))
    assert _sent(session) == []
    assert (await collector.take()).rollout.sequence == 0
    _publish(collector, 1)
    assert _sent(session) == [("policy", 1), ("assign", 1)]
    collector.deliver(session, _rollout(1, 0))
    await collector.take()
    _publish(collector, 2)
    assert _sent(session) == [("policy", 2), ("assign", 2)]
    collector.deliver(session, _rollout(2, 1))
    assert (await collector.take()).rollout.policy_version == 1


async def test_a_learner_that_takes_nothing_is_owed_a_bounded_number_of_rollouts() -> None:
    """Nothing beyond S + 1 rollouts is ever assigned to S simulators."""
    collector = _collector()
    sessions = [_join(collector, name) for name in "abc"]
    _publish(collector, 0)
    assert sum(len(session.outstanding) for session in sessions) == 4
    assert all(session.outstanding for session in sessions)


async def test_a_repeated_rollout_is_dropped_and_counted() -> None:
    """The same (incarnation, sequence) counts once, also over a second connection."""
    collector = _collector()
    session = _join(collector)
    _publish(collector, 0)
    collector.deliver(session, _rollout(0, 0))
    collector.leave(session)
    again = _join(collector)
    collector.deliver(again, _rollout(0, 0))
    assert collector.num_repeated == 1
    assert (await collector.take()).rollout.sequence == 0


async def test_a_stale_rollout_is_dropped_and_counted() -> None:
    """A rollout more policy versions old than allowed never reaches the learner."""
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
    assert (await waiting).rollout.sequence == 2


async def test_in_lockstep_a_second_simulator_stands_by_until_the_first_leaves() -> None:
    """Only one gathers, and another takes over what it owed."""
    collector = _collector(is_exclusive=True)
    first, second = _join(collector, "a"), _join(collector, "b")
    _publish(collector, 0)
    assert len(first.outstanding) == 2
    assert _sent(second) == []
    collector.leave(first)
    assert _sent(second) == [("policy", 0), ("assign", 0), ("assign", 0)]


async def test_a_rollout_nobody_asked_for_is_refused() -> None:
    """Without an assignment there is no rollout."""
    collector = _collector()
    session = _join(collector)
    with pytest.raises(FailedPreconditionError, match="answers no assignment"):
        collector.deliver(session, _rollout(0, 0))


async def test_a_rollout_under_another_policy_is_refused() -> None:
    """The error names the version and the one that was assigned."""
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
