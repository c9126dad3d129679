"""What the learner sends and refuses on a simulator's stream."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import numpy as np
import pytest

from services.learner.config import LearnerConfig
from services.learner.rollouts.collector import Collector
from services.learner.rollouts.conversation import CollectConversation, rollout_bytes
from services.learner.rollouts.session import PublishedPolicy
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout
from somersault.errors import InvalidInputError
from somersault.v1 import learner_pb2
from somersault.wire import rollout_to_message, task_spec_to_message

_VECTORS = TaskSpec(
    task="t", frame_shape=(11,), action_dim=3, episode_steps=50, segment_steps=10, step_s=0.01
)
_ENDING = dataclasses.replace(_VECTORS, still_steps=4)
_PICTURES = TaskSpec(
    task="t",
    frame_shape=(84, 84),
    num_frames=4,
    num_actions=6,
    episode_steps=4500,
    segment_steps=25,
    step_s=0.1,
    is_continuing=True,
)


def _conversation(spec: TaskSpec, *, rollout_steps: int) -> tuple[CollectConversation, Collector]:
    config = LearnerConfig(task="t", run_id="run", storage_url="file:///nowhere", rollout_steps=rollout_steps)
    collector = Collector(max_simulators=9, max_policy_lag=8, is_exclusive=False)
    conversation = CollectConversation(config=config, spec=spec, collector=collector, env_steps=lambda: 0)
    return conversation, collector


async def _hello(spec: TaskSpec, num_environments: int) -> AsyncIterator[learner_pb2.CollectRequest]:
    yield learner_pb2.CollectRequest(
        hello=learner_pb2.SimulatorHello(
            simulator_id="s",
            incarnation="life",
            task=task_spec_to_message(spec),
            num_environments=num_environments,
        )
    )


async def test_environments_whose_rollout_fits_no_message_are_refused_at_the_hello() -> None:
    """128 steps of 84 x 84 pictures are (131 + 1) 7,056 + 128 (4 + 4 + 1) bytes per environment: 71 fit into 64 MiB."""
    conversation, collector = _conversation(_PICTURES, rollout_steps=128)
    with pytest.raises(InvalidInputError, match=r"num_environments is 72, must be at most 71"):
        await anext(conversation.hold(_hello(_PICTURES, 72)))
    assert collector.num_simulators == 0
    welcome = await anext(conversation.hold(_hello(_PICTURES, 71)))
    assert welcome.welcome.rollout_steps == 128


async def test_every_simulator_is_sent_the_same_policy_message() -> None:
    """It is made once per version, however many there are."""
    conversation, collector = _conversation(_VECTORS, rollout_steps=8)
    collector.publish(PublishedPolicy(version=3, weights=b"weights"))
    sent = []
    for _ in range(2):
        stream = conversation.hold(_waiting(_hello(_VECTORS, 1)))
        assert (await anext(stream)).WhichOneof("kind") == "welcome"
        sent.append(await anext(stream))
        assert (await anext(stream)).assignment.policy_version == 3
        await stream.aclose()
    assert sent[0] is sent[1]
    assert (sent[0].policy.policy_version, sent[0].policy.weights) == (3, b"weights")


@pytest.mark.parametrize("spec", [_VECTORS, _PICTURES, _ENDING])
def test_the_bound_on_a_rollout_is_just_above_its_message(spec: TaskSpec) -> None:
    """120 steps of 16 environments in which episodes end as often as they can: within one percent."""
    rollout = _rollout(spec, num_steps=120, num_environments=16)
    size = learner_pb2.CollectRequest(rollout=rollout_to_message(rollout)).ByteSize()
    bound = rollout_bytes(spec, num_steps=120, num_environments=16)
    assert size <= bound <= 1.01 * size


def _rollout(spec: TaskSpec, *, num_steps: int, num_environments: int) -> Rollout:
    steps = (num_steps, num_environments)
    is_truncated = np.zeros(steps, np.bool_)
    if spec.still_steps:
        is_truncated[spec.still_steps :: spec.still_steps + 1] = True
    elif not spec.is_continuing:
        is_truncated[spec.episode_steps // 5 :: spec.episode_steps] = True  # 10, 60, 110
    num_frames = num_steps + spec.num_frames - 1
    return Rollout(
        sequence=0,
        policy_version=0,
        observations=np.zeros((num_frames, num_environments, *spec.frame_shape), spec.frame_dtype),
        actions=np.zeros((*steps, *spec.action_shape), spec.action_dtype),
        log_probs=np.zeros(steps, np.float32),
        is_truncated=is_truncated,
        final_observations=np.zeros((int(is_truncated.sum()), *spec.frame_shape), spec.frame_dtype),
        next_observations=np.zeros((num_environments, *spec.frame_shape), spec.frame_dtype),
        is_still=np.zeros(steps, np.bool_) if spec.still_steps else None,
    )


async def _waiting(
    requests: AsyncIterator[learner_pb2.CollectRequest],
) -> AsyncIterator[learner_pb2.CollectRequest]:
    """Yield the requests and then nothing, without ending."""
    async for request in requests:
        yield request
    await asyncio.Event().wait()
