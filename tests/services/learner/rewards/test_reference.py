"""Reference runs: true rewards come with their rollouts, are scored as predicted ones are, and reach no other run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from services.learner.config import LearnerConfig
from services.learner.rewards import reference
from services.learner.rewards.normaliser import normalise_rewards
from services.learner.rewards.reference import ReferenceRewards, ReferenceServicer
from services.learner.rewards.source import running
from services.learner.rollouts.batch import Batch, Collected, make_batch
from services.learner.rollouts.collector import Collector
from services.learner.rollouts.conversation import CollectConversation
from services.learner.rollouts.session import PublishedPolicy
from somersault.domain.task_spec import TaskSpec
from somersault.errors import FailedPreconditionError, InvalidInputError
from somersault.v1 import learner_pb2
from somersault.wire import rollout_to_message, task_spec_to_message, tensor_from_array
from tests.services.learner.doubles import make_rollout

_SPEC = TaskSpec(task="t", frame_shape=(2,), action_dim=1, episode_steps=50, segment_steps=10, step_s=0.01)
_TRUE = np.arange(10, dtype=np.float32).reshape(2, 5)


def _batch(*incarnations: str) -> Batch:
    return make_batch([Collected(incarnation=name, rollout=make_rollout(0, 0)) for name in incarnations])


async def test_each_rollout_gets_its_own_rewards_normalised_over_the_batch() -> None:
    """Side by side in the batch's order, whatever the order in which they came."""
    rewards = ReferenceRewards()
    rewards.put("b", 0, _TRUE + 100)
    rewards.put("a", 0, _TRUE)
    scored = await rewards.rewards_for(_batch("a", "b"), env_steps=20)
    assert scored is not None
    beside = np.concatenate([_TRUE, _TRUE + 100], axis=1)
    np.testing.assert_array_equal(scored.rewards, normalise_rewards(beside[None]))
    assert (scored.predicted_mean, scored.reward_version) == (beside.mean(), 0)


async def test_rewards_are_used_once_and_those_of_dropped_rollouts_are_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Memory stays flat however many rollouts are too old to be learned from."""
    monkeypatch.setattr(reference, "_MAX_WAITING", 2)
    rewards = ReferenceRewards()
    for name in ("dropped", "a", "b"):
        rewards.put(name, 0, _TRUE)
    assert await rewards.rewards_for(_batch("a", "b"), env_steps=20)
    for name in ("dropped", "a"):
        with pytest.raises(KeyError):
            await rewards.rewards_for(_batch(name), env_steps=20)


async def test_there_is_nothing_to_keep_up_to_date() -> None:
    """The learner's loop goes on although the source's work is done."""
    async with running(ReferenceRewards()):
        await asyncio.sleep(0)


def _servicer(rewards: ReferenceRewards | None) -> tuple[ReferenceServicer, Collector]:
    config = LearnerConfig(task="t", run_id="r", storage_url="file:///nowhere", rollout_steps=2)
    collector = Collector(max_simulators=9, max_policy_lag=8, is_exclusive=False)
    collector.publish(PublishedPolicy(version=0, weights=b""))
    conversation = CollectConversation(config=config, spec=_SPEC, collector=collector, env_steps=lambda: 0)
    return ReferenceServicer(conversation, rewards), collector


async def _requests(true_rewards: np.ndarray) -> AsyncIterator[learner_pb2.CollectReferenceRequest]:
    """Yield a hello and a rollout with its true rewards, and then nothing more."""
    hello = learner_pb2.SimulatorHello(
        simulator_id="s", incarnation="life", task=task_spec_to_message(_SPEC), num_environments=5
    )
    yield learner_pb2.CollectReferenceRequest(request=learner_pb2.CollectRequest(hello=hello))
    rollout = learner_pb2.CollectRequest(rollout=rollout_to_message(make_rollout(0, 0)))
    yield learner_pb2.CollectReferenceRequest(request=rollout, true_rewards=tensor_from_array(true_rewards))
    await asyncio.Event().wait()


async def test_true_rewards_come_with_their_rollouts() -> None:
    """They are at hand as soon as the collector has the rollout."""
    rewards = ReferenceRewards()
    servicer, collector = _servicer(rewards)
    stream = servicer.CollectReference(_requests(_TRUE), None)  # type: ignore[arg-type]
    assert (await anext(stream)).welcome.rollout_steps == 2
    serving = asyncio.ensure_future(_exhaust(stream))
    batch = make_batch(await collector.take())
    scored = await rewards.rewards_for(batch, env_steps=10)
    assert scored is not None
    np.testing.assert_array_equal(scored.rewards, normalise_rewards(_TRUE[None]))
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_true_rewards_of_another_shape_are_refused() -> None:
    """The rollout is not taken either."""
    servicer, collector = _servicer(ReferenceRewards())
    with pytest.raises(InvalidInputError, match="true_rewards"):
        await _exhaust(servicer.CollectReference(_requests(_TRUE[:, :4]), None))  # type: ignore[arg-type]
    assert collector.num_simulators == 0


async def test_a_learner_of_preferences_refuses_true_rewards() -> None:
    """Before it reads anything, and another try is no use."""
    servicer, collector = _servicer(None)
    with pytest.raises(FailedPreconditionError, match="never sees the true reward") as refused:
        await anext(servicer.CollectReference(_requests(_TRUE), None))  # type: ignore[arg-type]
    assert refused.value.is_hopeless
    assert collector.num_simulators == 0


async def _exhaust(stream: AsyncIterator[learner_pb2.CollectResponse]) -> None:
    async for _ in stream:
        pass
