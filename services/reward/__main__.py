"""Runs the reward service: ``python -m services.reward --help``."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from typing import Any

import grpc.aio
import torch

from services.reward import limits as bounds
from services.reward.config import RewardConfig
from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.preference_log import load_compared_segments
from services.reward.labeler_client import LabelerClient
from services.reward.limits import ScoredPart, scored_part, trainer_config_for
from services.reward.loop import RewardLoop
from services.reward.monitoring.progress_reporter import Reporter
from services.reward.queries.proposer import Asker
from services.reward.segments.layout import SegmentLayout
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from services.reward.service import RewardServicer
from services.reward.training.checkpoints import Keeper
from services.reward.training.lessons import Lessons
from services.reward.training.reward_learner import Student
from services.reward.training.trainer import Trainer
from somersault.domain.task_spec import TaskSpec
from somersault.domain.texts import check_name
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.runtime import app
from somersault.storage import ObjectStore, check_store, open_store
from somersault.tasks import Task, get_task
from somersault.tasks.guidelines import guidelines_of
from somersault.v1 import reward_pb2, reward_pb2_grpc


class RewardApplication:
    """The reward service: its servicer and its loop."""

    interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = ()

    def __init__(self, config: RewardConfig, *, task: Task, store: ObjectStore) -> None:
        """Wires the parts together."""
        self._config = config
        self._task = task
        spec = task.spec
        layout = SegmentLayout(spec)
        bounds.check(config, spec)
        capacity = bounds.pool_capacity(config, layout)
        pool = SegmentPool(layout, capacity=capacity)
        offers = Offers(pool, capacity=capacity)
        student = Student(
            trainer=_trainer(config, spec, layout),
            comparisons=_comparisons(config, layout),
            load=lambda answer: load_compared_segments(store, answer, layout=layout),
        )
        self._labeler = LabelerClient(
            config.labeler_address, token=config.token.get_secret_value(), run_id=config.run_id
        )
        scored = scored_part(config, layout)
        asker = self._make_asker(pool, offers, student, scored)
        self._loop = RewardLoop(
            config=config,
            pool=pool,
            offers=offers,
            asker=asker,
            lessons=Lessons(student, Keeper(store, run_id=config.run_id)),
            labeler=self._labeler,
        )
        self._reporter = Reporter(
            config=config,
            loop=self._loop,
            pool=pool,
            student=student,
            scored=scored,
            taker=self._labeler,
        )
        self._servicer = RewardServicer(spec=spec, offers=offers, pool=pool, loop=self._loop, student=student)

    def _make_asker(self, pool: SegmentPool, offers: Offers, student: Student, scored: ScoredPart) -> Asker:
        return Asker(
            pool=pool,
            offers=offers,
            proposer=self._labeler,
            newest=lambda: student.published,
            seed=self._config.seed,
            num_candidate_pairs=self._config.num_candidate_pairs,
            tournament_size=self._config.tournament_size,
            wants_clips=self._config.wants_clips,
            scored=scored,
        )

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Adds the servicer."""
        reward_pb2_grpc.add_RewardServiceServicer_to_server(self._servicer, server)
        return [service.full_name for service in reward_pb2.DESCRIPTOR.services_by_name.values()]

    async def run(self) -> None:
        """Makes the run known, rebuilds what was learned, and works."""
        task = self._task
        await self._labeler.create_run(
            task=task.name,
            question=task.question,
            guidelines=guidelines_of(task),
            identity=self._config.run_identity,
        )
        await self._loop.restore()
        self._loop.hear(await self._labeler.hear_at_last())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._loop.run())
            group.create_task(self._reporter.run())

    async def drain(self) -> None:
        """Says how the run stands and closes the channel; everything worth keeping is stored already."""
        await self._reporter.report_end()
        await self._labeler.close()


def _trainer(config: RewardConfig, spec: TaskSpec, layout: SegmentLayout) -> Trainer:
    shape = RewardModelConfig.for_task(spec, num_members=config.num_members, hidden_size=config.hidden_size)
    ensemble = RewardEnsemble(shape, seed=config.seed)
    return Trainer(ensemble, trainer_config_for(config, layout), seed=config.seed)


def _comparisons(config: RewardConfig, layout: SegmentLayout) -> Comparisons:
    return Comparisons(layout, capacity=bounds.comparisons_capacity(config, layout))


async def build(config: RewardConfig) -> RewardApplication:
    """Opens the store.

    Raises:
        SomersaultError: a setting or the store can't be used.
    """
    torch.set_num_threads(config.num_threads)
    check_name("run_id", config.run_id)
    task = get_task(config.task)
    secret = config.storage_secret_key
    store = open_store(
        config.storage_url,
        access_key=config.storage_access_key,
        secret_key=secret.get_secret_value() if secret else None,
    )
    await asyncio.to_thread(store.check)
    await asyncio.to_thread(check_store, store, config.run_id, identity=config.run_identity)
    return RewardApplication(config, task=task, store=store)


if __name__ == "__main__":
    sys.exit(app.main("reward", RewardConfig, build))
