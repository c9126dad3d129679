"""The simulator's parts, wired together: what is gathered for the learner is offered to the reward service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from services.simulator.application import SimulatorApplication
from services.simulator.config import SimulatorConfig
from somersault.rpc import bind, create_server
from somersault.storage import open_store
from somersault.v1 import learner_pb2, learner_pb2_grpc, reward_pb2, reward_pb2_grpc

PolicyArrays = Callable[..., dict[str, np.ndarray]]
Response = learner_pb2.CollectResponse


class _Learner(learner_pb2_grpc.LearnerServiceServicer, learner_pb2_grpc.ReferenceLearnerServiceServicer):
    """Assigns two rollouts of a whole episode each, and keeps them."""

    def __init__(self, weights: bytes) -> None:
        self.weights = weights
        self.rollouts: asyncio.Queue[Any] = asyncio.Queue()

    async def Collect(self, request_iterator: Any, context: Any) -> AsyncIterator[Response]:
        await anext(request_iterator)
        yield Response(welcome=learner_pb2.CollectWelcome(rollout_steps=400, seed=3, run_id="run-1"))
        yield Response(policy=learner_pb2.Policy(policy_version=0, weights=self.weights))
        for _ in range(2):
            yield Response(assignment=learner_pb2.Assignment(policy_version=0))
        async for request in request_iterator:
            self.rollouts.put_nowait(request)

    async def CollectReference(self, request_iterator: Any, context: Any) -> AsyncIterator[Response]:
        async for response in self.Collect(request_iterator, context):
            yield response


class _Reward(reward_pb2_grpc.RewardServiceServicer):
    """Keeps what it is offered."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[reward_pb2.OfferSegmentsRequest] = asyncio.Queue()

    async def OfferSegments(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        async for request in request_iterator:
            self.requests.put_nowait(request)
        return
        yield


@contextlib.asynccontextmanager
async def _running(learner: _Learner, reward: _Reward, *, is_reference: bool) -> AsyncIterator[None]:
    server = create_server()
    learner_pb2_grpc.add_LearnerServiceServicer_to_server(learner, server)
    learner_pb2_grpc.add_ReferenceLearnerServiceServicer_to_server(learner, server)
    reward_pb2_grpc.add_RewardServiceServicer_to_server(reward, server)
    address = f"127.0.0.1:{bind(server, host='127.0.0.1', port=0)}"
    await server.start()
    config = SimulatorConfig(
        task="hopper-backflip",
        storage_url="memory://",
        learner_address=address,
        reward_address=address,
        num_environments=2,
        is_staggered=False,
        is_reference=is_reference,
    )
    application = SimulatorApplication(config, store=open_store("memory://"), render_process=None)
    running = asyncio.create_task(application.run())
    try:
        async with asyncio.timeout(30):
            yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await application.drain()
        await server.stop(None)


@pytest.fixture
def learner(policy_arrays: PolicyArrays) -> _Learner:
    """A learner with an untrained policy."""
    return _Learner(safetensors.numpy.save(policy_arrays()))


async def test_segments_of_each_rollout_are_offered(learner: _Learner) -> None:
    """Two of each environment's episode, under the number of the rollout that the learner gets."""
    reward = _Reward()
    async with _running(learner, reward, is_reference=False):
        assert (await reward.requests.get()).hello.simulator_id == "simulator-0"
        for sequence in range(2):
            assert (await learner.rollouts.get()).rollout.sequence == sequence
            offer = (await reward.requests.get()).offer
            assert (offer.rollout_sequence, len(offer.segments)) == (sequence, 4)


async def test_reference_run_offers_nothing(learner: _Learner) -> None:
    """The reward service isn't even dialled."""
    reward = _Reward()
    async with _running(learner, reward, is_reference=True):
        assert (await learner.rollouts.get()).request.rollout.sequence == 0
        assert (await learner.rollouts.get()).request.rollout.sequence == 1
    assert reward.requests.empty()
