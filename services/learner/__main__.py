"""Runs the learner: ``python -m services.learner --help``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import grpc.aio
import torch

from services.learner.algorithms.ppo.ppo import PPO
from services.learner.checkpoints import Keeper
from services.learner.config import LearnerConfig
from services.learner.loop import RewardSource, TrainingLoop
from services.learner.rewards.predicted import RewardFeed, following
from services.learner.rewards.reference import ReferenceRewards, ReferenceServicer
from services.learner.rollouts.collector import Collector
from services.learner.service import CollectConversation, LearnerServicer
from somersault.domain.texts import check_name
from somersault.runtime import app
from somersault.runtime.precision import keep_float32_whole
from somersault.storage import check_store, open_store
from somersault.tasks import get_task
from somersault.v1 import learner_pb2, learner_pb2_grpc


class LearnerApplication:
    """The learner: its servicers, its loop, its last checkpoint."""

    interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = ()

    def __init__(self, config: LearnerConfig, keeper: Keeper) -> None:
        """Wires the parts together."""
        spec = get_task(config.task).spec
        self._collector = Collector(
            max_simulators=config.max_simulators,
            max_policy_lag=config.max_policy_lag,
            max_batch_rollouts=config.max_batch_rollouts,
            is_exclusive=config.pacing == "lockstep",
        )
        self._reference = ReferenceRewards() if config.is_reference else None
        self._feed = RewardFeed(
            config.reward_address,
            is_lockstep=config.pacing == "lockstep",
            want_segments=self._collector.want_segments,
            finish=self._finish,
        )
        source: RewardSource = self._reference or self._feed
        self.loop = TrainingLoop(
            ppo=PPO(config.ppo, spec=spec, seed=config.seed),
            collector=self._collector,
            reward_source=source,
            keeper=keeper,
            total_env_steps=config.total_env_steps,
            checkpoint_s=config.checkpoint_s,
        )
        self._conversation = CollectConversation(
            config=config,
            spec=spec,
            collector=self._collector,
            env_steps=lambda: self.loop.num_taken_steps,
        )
        self._config = config

    def _finish(self) -> None:
        self.loop.stop()

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Adds both servicers."""
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
        """Learns, then goes on serving the result."""
        if self._reference is not None:
            await self.loop.run()
        else:
            async with following(self._feed):
                await self.loop.run()
        await asyncio.Event().wait()

    async def drain(self) -> None:
        """Stores what was learned since the last checkpoint."""
        await self.loop.checkpoint()


async def build(config: LearnerConfig) -> LearnerApplication:
    """Opens the store and restores the newest checkpoint.

    Raises:
        SomersaultError: a setting, the store or the checkpoint can't be used.
    """
    torch.set_num_threads(config.num_threads)
    keep_float32_whole()
    check_name("run_id", config.run_id)
    secret = config.storage_secret_key
    store = open_store(
        config.storage_url,
        access_key=config.storage_access_key,
        secret_key=secret.get_secret_value() if secret else None,
    )
    await asyncio.to_thread(store.check)
    await asyncio.to_thread(check_store, store, config.run_id, identity=config.run_identity)
    application = LearnerApplication(config, Keeper(store, run_id=config.run_id))
    await application.loop.restore()
    return application


if __name__ == "__main__":
    sys.exit(app.main("learner", LearnerConfig, build))
