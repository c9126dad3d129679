"""The learner as an application: its parts, how they are connected, what it serves and what it stores at its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc.aio
import torch

from services.learner.checkpoints import CheckpointStore
from services.learner.config import LearnerConfig
from services.learner.loop import TrainingLoop
from services.learner.rewards.predicted import PredictedRewards
from services.learner.rewards.reference import ReferenceRewards, ReferenceServicer
from services.learner.rewards.source import RewardSource, running
from services.learner.rollouts.collector import Collector
from services.learner.rollouts.conversation import CollectConversation
from services.learner.service import LearnerServicer
from somersault.domain.texts import check_name
from somersault.numerics.precision import keep_float32_whole
from somersault.storage import ObjectStore, check_store
from somersault.tasks import get_task
from somersault.v1 import learner_pb2, learner_pb2_grpc

__all__ = ["LearnerApplication", "build"]


_DRAIN_S = 10.0
"""How long the last checkpoint may take: whoever stops the service kills it a little later."""


class LearnerApplication:
    """Simulators' streams fill the collector; the loop takes batches from it, has them scored and improves the policy."""

    interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = ()

    def __init__(self, config: LearnerConfig, store: ObjectStore) -> None:
        """Make the parts and connect them; `build` also restores the newest checkpoint."""
        spec = get_task(config.task).spec
        self._config = config
        self._collector = Collector(
            max_simulators=config.max_simulators,
            max_policy_lag=config.max_policy_lag,
            max_batch_rollouts=config.max_batch_rollouts,
            is_exclusive=config.pacing == "lockstep",
        )
        self._reference = ReferenceRewards() if config.is_reference else None
        self._rewards: RewardSource = self._reference or self._predicted_rewards()
        self.loop = TrainingLoop(
            algorithm=config.algorithm_config.build(spec, seed=config.seed),
            collector=self._collector,
            reward_source=self._rewards,
            checkpoints=CheckpointStore(store, run_id=config.run_id),
            total_env_steps=config.total_env_steps,
            checkpoint_s=config.checkpoint_s,
        )
        self._conversation = CollectConversation(
            config=config,
            spec=spec,
            collector=self._collector,
            env_steps=lambda: self.loop.num_taken_steps,
        )

    def _predicted_rewards(self) -> PredictedRewards:
        return PredictedRewards(
            self._config.reward_address,
            is_lockstep=self._config.pacing == "lockstep",
            want_segments=self._collector.want_segments,
            finish=lambda: self.loop.stop(),  # noqa: PLW0108 - there is no loop yet
            certificates=self._config.certificates_path,
        )

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Add both servicers to a server and return their full names."""
        servicer = LearnerServicer(
            config=self._config,
            conversation=self._conversation,
            collector=self._collector,
            loop=self.loop,
        )
        learner_pb2_grpc.add_LearnerServiceServicer_to_server(servicer, server)
        learner_pb2_grpc.add_ReferenceLearnerServiceServicer_to_server(
            ReferenceServicer(self._conversation, self._reference), server
        )
        services = learner_pb2.DESCRIPTOR.services_by_name.values()
        return [service.full_name for service in services]

    async def run(self) -> None:
        """Learn, then go on serving the result."""
        async with running(self._rewards):
            await self.loop.run()
        await asyncio.Event().wait()

    async def drain(self) -> None:
        """Store what was learned since the last checkpoint, or say that it could not be stored."""
        await self.loop.drain(timeout_s=_DRAIN_S)


async def build(config: LearnerConfig) -> LearnerApplication:
    """Open the store and restore the newest checkpoint.

    Raises:
        SomersaultError: A setting, the store or the checkpoint can't be used.
    """
    torch.set_num_threads(config.num_threads)
    keep_float32_whole()
    check_name("run_id", config.run_id)
    store = config.open_store()
    await asyncio.to_thread(store.check)
    await asyncio.to_thread(check_store, store, config.run_id, identity=config.run_identity)
    application = LearnerApplication(config, store)
    await application.loop.restore()
    return application
