"""A whole learner in this process, and a simulator that brings it rollouts over the wire in which nothing happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import numpy as np

from services.learner.application import LearnerApplication
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout
from somersault.rpc import bind, create_server, open_channel
from somersault.v1 import learner_pb2, learner_pb2_grpc
from somersault.wire import rollout_to_message, task_spec_to_message, tensor_from_array

__all__ = ["Simulator", "serving"]

_NUM_ENVIRONMENTS = 2


@contextlib.asynccontextmanager
async def serving(application: LearnerApplication) -> AsyncIterator[str]:
    """Serve and run an application while the body runs, and yield its address."""
    server = create_server()
    application.add_to(server)
    port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    work = asyncio.create_task(application.run())
    try:
        yield f"127.0.0.1:{port}"
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await server.stop(None)


class Simulator:
    """Delivers whatever is assigned."""

    def __init__(self, address: str, spec: TaskSpec) -> None:
        self._address = address
        self._spec = spec
        self._inbox: asyncio.Queue[learner_pb2.CollectRequest] = asyncio.Queue()
        self.policies: list[learner_pb2.Policy] = []
        """What it was sent."""

    async def collect(self) -> None:
        """Bring rollouts, without rewards, until the stream ends."""
        async with open_channel(self._address) as channel:
            await self._follow(learner_pb2_grpc.LearnerServiceStub(channel).Collect(self._requests()))

    async def collect_reference(self) -> None:
        """Bring rollouts with true rewards until the stream ends."""
        async with open_channel(self._address) as channel:
            stub = learner_pb2_grpc.ReferenceLearnerServiceStub(channel)
            await self._follow(stub.CollectReference(self._with_true_rewards()))

    async def _follow(self, responses: AsyncIterator[learner_pb2.CollectResponse]) -> None:
        num_steps, sequence = 0, 0
        async for response in responses:
            kind = response.WhichOneof("kind")
            if kind == "welcome":
                num_steps = response.welcome.rollout_steps
            elif kind == "policy":
                self.policies.append(response.policy)
            else:
                rollout = self._rollout(num_steps, sequence, response.assignment.policy_version)
                self._inbox.put_nowait(learner_pb2.CollectRequest(rollout=rollout_to_message(rollout)))
                sequence += 1

    async def _requests(self) -> AsyncIterator[learner_pb2.CollectRequest]:
        yield learner_pb2.CollectRequest(
            hello=learner_pb2.SimulatorHello(
                simulator_id="s",
                incarnation="life",
                task=task_spec_to_message(self._spec),
                num_environments=_NUM_ENVIRONMENTS,
            )
        )
        while True:
            yield await self._inbox.get()

    async def _with_true_rewards(self) -> AsyncIterator[learner_pb2.CollectReferenceRequest]:
        async for request in self._requests():
            shape = tuple(request.rollout.log_probs.shape)
            yield learner_pb2.CollectReferenceRequest(
                request=request,
                true_rewards=tensor_from_array(np.zeros(shape, np.float32)) if shape else None,
            )

    def _rollout(self, num_steps: int, sequence: int, policy_version: int) -> Rollout:
        spec, steps = self._spec, (num_steps, _NUM_ENVIRONMENTS)
        return Rollout(
            sequence=sequence,
            policy_version=policy_version,
            observations=np.zeros((num_steps, _NUM_ENVIRONMENTS, *spec.frame_shape), spec.frame_dtype),
            actions=np.zeros((*steps, *spec.action_shape), spec.action_dtype),
            log_probs=np.zeros(steps, np.float32),
            is_truncated=np.zeros(steps, np.bool_),
            final_observations=np.zeros((0, *spec.frame_shape), spec.frame_dtype),
            next_observations=np.zeros((_NUM_ENVIRONMENTS, *spec.frame_shape), spec.frame_dtype),
        )
