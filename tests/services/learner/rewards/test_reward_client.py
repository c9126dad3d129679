"""The learner's stream to the reward service: what goes up, what is made of what comes down, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.learner.rewards.reward_client import RewardClient, RewardUpdate
from somersault.errors import CorruptDataError
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.rpc import Backoff
from somersault.v1 import reward_pb2


class _Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.updates: list[RewardUpdate] = []
        self.num_lost = 0

    def updated(self, update: RewardUpdate) -> None:
        """Note it."""
        self.updates.append(update)

    def lost(self) -> None:
        """Count it."""
        self.num_lost += 1


class _Service:
    """Sends updates, notes what is reported, and ends the stream after so many reports."""

    def __init__(self, *updates: reward_pb2.RewardModelUpdate, num_reports: int = 0) -> None:
        self._updates = updates
        self._num_reports = num_reports
        self.reports: list[reward_pb2.WatchRewardModelRequest] = []

    async def WatchRewardModel(self, requests: Any) -> AsyncIterator[reward_pb2.RewardModelUpdate]:
        """Send all, then listen."""
        for update in self._updates:
            yield update
        while len(self.reports) < self._num_reports:
            self.reports.append(await anext(requests))


def _weights() -> bytes:
    return RewardEnsemble(RewardModelConfig(frame_shape=(3,), action_dim=1), seed=0).to_bytes()


async def _follow(client: RewardClient, service: _Service) -> None:
    async with asyncio.timeout(5):
        await client.follow(service, Backoff())  # type: ignore[arg-type]


async def test_the_newest_report_is_sent_at_once_and_each_newer_one() -> None:
    """A new stream begins with where the learner is now, not with where it was."""
    client = RewardClient("", _Listener())
    for env_steps in (10, 20):
        client.report(env_steps=env_steps, positions={"a": env_steps})
    service = _Service(num_reports=2)
    following = asyncio.create_task(_follow(client, service))
    while not service.reports:
        await asyncio.sleep(0)
    client.report(env_steps=30, positions={"a": 30, "b": 0})
    await following
    assert [report.env_steps for report in service.reports] == [20, 30]
    told = {position.incarnation: position.sequence for position in service.reports[1].positions}
    assert told == {"a": 30, "b": 0}


async def test_updates_without_weights_keep_the_ensemble() -> None:
    """Weights are sent once per version; an absent horizon is no bound."""
    listener = _Listener()
    first = reward_pb2.RewardModelUpdate(reward_version=1, weights=_weights(), settled_env_steps=-1)
    second = reward_pb2.RewardModelUpdate(reward_version=1, settled_env_steps=10, horizon_env_steps=20)
    await _follow(RewardClient("", listener), _Service(first, second))
    updates = listener.updates
    assert updates[0].ensemble is updates[1].ensemble is not None
    assert [(each.settled_env_steps, each.horizon_env_steps) for each in updates] == [(-1, None), (10, 20)]
    assert listener.num_lost == 1


async def test_weights_that_are_no_reward_model_end_the_stream_with_an_error() -> None:
    """The version is not taken over."""
    listener = _Listener()
    with pytest.raises(CorruptDataError):
        await _follow(RewardClient("", listener), _Service(reward_pb2.RewardModelUpdate(weights=b"none")))
    assert (listener.updates, listener.num_lost) == ([], 1)
