"""A learner that learns nothing: the real conversation and collector, batches taken and policies published at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks.simulators.random_policy import random_policy
from services.learner.config import LearnerConfig
from services.learner.rollouts.batch import make_batch
from services.learner.rollouts.collector import Collector
from services.learner.rollouts.conversation import CollectConversation
from services.learner.rollouts.session import PublishedPolicy
from somersault.domain.roles import Identity
from somersault.domain.task_spec import TaskSpec
from somersault.domain.trajectory import Rollout
from somersault.rpc import bind, create_server
from somersault.rpc.tls.folder import open_folder
from somersault.rpc.tls.server import mutual_tls
from somersault.v1 import learner_pb2, learner_pb2_grpc
from somersault.wire import rollout_to_message

__all__ = ["LearnerStub", "serving"]


class LearnerStub(learner_pb2_grpc.LearnerServiceServicer):
    """Serves Collect. Each batch is made as a learner makes it, and answered by a new version of the same policy."""

    def __init__(self, spec: TaskSpec, *, rollout_steps: int, pause_s: float = 0.0) -> None:
        """Take the task.

        Args:
            spec: What simulators must simulate.
            rollout_steps: T.
            pause_s: Stands for the time of an improvement.
        """
        config = LearnerConfig(
            task=spec.task, run_id="bench", storage_url="file:///nowhere", rollout_steps=rollout_steps
        )
        self.collector = Collector(
            max_simulators=config.max_simulators,
            max_policy_lag=config.max_policy_lag,
            max_batch_rollouts=config.max_batch_rollouts,
            is_exclusive=False,
        )
        self._conversation = CollectConversation(
            config=config, spec=spec, collector=self.collector, env_steps=lambda: self.num_steps
        )
        self._pause_s = pause_s
        self._grown = asyncio.Event()
        self.weights = random_policy(spec)
        self.num_steps = 0
        self.num_batches = 0
        self.rollouts_by_life: Counter[str] = Counter()
        self.lags: Counter[int] = Counter()
        self.rollout_bytes = 0
        """Size of a rollout's message; 0 before the first."""

    async def Collect(
        self, request_iterator: AsyncIterator[learner_pb2.CollectRequest], context: Any
    ) -> AsyncIterator[learner_pb2.CollectResponse]:
        """Take rollouts as the learner does."""
        async for response in self._conversation.hold(request_iterator):
            yield response

    async def run(self) -> None:
        """Take batches until cancelled."""
        for version in range(2**31):
            self.collector.publish(PublishedPolicy(version=version, weights=self.weights))
            collected = await self.collector.take()
            batch = await asyncio.to_thread(make_batch, collected)
            for each in collected:
                self._count(each.incarnation, each.rollout)
            self.num_steps += batch.rollout.num_steps
            self.num_batches += 1
            await asyncio.sleep(self._pause_s)

    async def wait_for(self, num_lives: int, *, num_rollouts: int) -> None:
        """Wait until so many simulators have brought so many rollouts each."""
        while len(self.rollouts_by_life) < num_lives or min(self.rollouts_by_life.values()) < num_rollouts:
            self._grown.clear()
            await self._grown.wait()

    def _count(self, incarnation: str, rollout: Rollout) -> None:
        if not self.rollout_bytes:
            self.rollout_bytes = rollout_to_message(rollout).ByteSize()
        self.rollouts_by_life[incarnation] += 1
        self._grown.set()
        self.lags[self.collector.lag(rollout)] += 1


@contextlib.asynccontextmanager
async def serving(
    stub: LearnerStub, *, host: str = "127.0.0.1", certificates: Path | None = None
) -> AsyncIterator[int]:
    """Serve a stub while the body runs, and return its port; with certificates, only to simulators that have some."""
    tls = None if certificates is None else mutual_tls(open_folder(certificates), identity=Identity.LEARNER)
    server = create_server([] if tls is None else [tls.authorization])
    learner_pb2_grpc.add_LearnerServiceServicer_to_server(stub, server)
    port = bind(server, host=host, port=0, credentials=None if tls is None else tls.credentials)
    await server.start()
    learning = asyncio.create_task(stub.run())
    try:
        yield port
    finally:
        learning.cancel()
        await asyncio.gather(learning, return_exceptions=True)
        await server.stop(None)
