"""The reward service put together: what it is made of, and what it does from start to end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc.aio
import torch

from services.reward.config import RewardConfig
from services.reward.feedback.compared_segments import load_compared_segments
from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.training_set import TrainingSet
from services.reward.labeler_client import LabelerClient
from services.reward.limits import Limits
from services.reward.loop import RewardLoop
from services.reward.monitoring.progress_reporter import ProgressReporter
from services.reward.queries.proposer import QueryProposer
from services.reward.segments.conversation import OfferConversation
from services.reward.segments.layout import SegmentLayout
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from services.reward.service import RewardServicer
from services.reward.training.checkpoints import CheckpointStore
from services.reward.training.reward_learner import RewardLearner
from services.reward.training.trainer import Trainer
from somersault.domain.task_spec import TaskSpec
from somersault.domain.texts import check_name
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.storage import ObjectStore, check_store
from somersault.tasks import Task, get_task
from somersault.tasks.guidelines import guidelines_of

__all__ = ["RewardApplication", "build"]


class RewardApplication:
    """The reward service: its servicer, its loop and its reports."""

    interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = ()

    def __init__(self, config: RewardConfig, *, task: Task, store: ObjectStore) -> None:
        """Put the parts together for a run of ``task`` whose objects are in ``store``."""
        self._config = config
        self._task = task
        layout, limits = SegmentLayout(task.spec), config.limits_for(task.spec)
        pool = SegmentPool(layout, capacity=limits.pool_capacity)
        offers = Offers(pool, capacity=limits.pool_capacity, max_simulators=config.max_simulators)
        learner = _reward_learner(config, spec=task.spec, limits=limits, store=store)
        self._labeler = LabelerClient(
            config.labeler_address,
            token=config.token.get_secret_value(),
            run_id=config.run_id,
            certificates=config.certificates_path,
        )
        proposer = QueryProposer(
            pool=pool,
            offers=offers,
            receiver=self._labeler,
            published=learner.published,
            seed=config.seed,
            num_candidate_pairs=config.num_candidate_pairs,
            tournament_size=config.tournament_size,
            wants_clips=config.wants_clips,
            scored=limits.scored,
        )
        self._loop = RewardLoop(
            config=config, pool=pool, offers=offers, proposer=proposer, learner=learner, labeler=self._labeler
        )
        self._reporter = ProgressReporter(
            config=config,
            loop=self._loop,
            pool=pool,
            learner=learner,
            scored=limits.scored,
            receiver=self._labeler,
        )
        self._servicer = RewardServicer(
            spec=task.spec,
            conversation=OfferConversation(spec=task.spec, run_id=config.run_id, offers=offers),
            pool=pool,
            loop=self._loop,
            learner=learner,
        )

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Add the servicer, and return the full names of its services."""
        return self._servicer.add_to(server)

    async def run(self) -> None:
        """Serve what was learned, make the run known, restore the rest, then work until cancelled."""
        task = self._task
        await self._loop.restore_model()
        await self._labeler.create_run(
            task=task.name,
            question=task.question,
            guidelines=guidelines_of(task),
            identity=self._config.run_identity,
        )
        await self._loop.restore()
        self._loop.apply(await self._labeler.wait_for_controls())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._loop.run())
            group.create_task(self._reporter.run())

    async def drain(self) -> None:
        """Report once more and close the channel; everything worth keeping has been stored already."""
        await self._reporter.report_end()
        await self._labeler.close()


def _reward_learner(
    config: RewardConfig, *, spec: TaskSpec, limits: Limits, store: ObjectStore
) -> RewardLearner:
    shape = RewardModelConfig.for_task(spec, num_members=config.num_members, hidden_size=config.hidden_size)
    layout = SegmentLayout(spec)
    return RewardLearner(
        trainer=Trainer(RewardEnsemble(shape, seed=config.seed), limits.trainer, seed=config.seed),
        training_set=TrainingSet(
            Comparisons(layout, capacity=limits.comparisons_capacity),
            load=lambda answer: load_compared_segments(store, answer, layout=layout),
        ),
        checkpoints=CheckpointStore(store, run_id=config.run_id),
    )


async def build(config: RewardConfig) -> RewardApplication:
    """Open the store and put the service together.

    Raises:
        SomersaultError: a setting or the store can't be used.
    """
    torch.set_num_threads(config.num_threads)
    check_name("run_id", config.run_id)
    task = get_task(config.task)
    store = config.open_store()
    await asyncio.to_thread(store.check)
    await asyncio.to_thread(check_store, store, config.run_id, identity=config.run_identity)
    return RewardApplication(config, task=task, store=store)
