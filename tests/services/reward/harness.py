"""A reward loop with everything around it except the services it talks to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from services.reward.config import RewardConfig
from services.reward.feedback.compared_segments import load_compared_segments
from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.training_set import TrainingSet
from services.reward.loop import RewardLoop
from services.reward.pacing.learner_progress import LearnerProgress
from services.reward.queries.proposals import Proposal
from services.reward.queries.proposer import QueryProposer
from services.reward.segments.layout import SegmentLayout
from services.reward.segments.offers import Offers
from services.reward.segments.pool import SegmentPool
from services.reward.segments.session import OfferSession
from services.reward.training.checkpoints import CheckpointStore
from services.reward.training.reward_learner import RewardLearner
from services.reward.training.trainer import Trainer
from somersault.domain.feedback import Preference
from somersault.domain.task_spec import TaskSpec
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.storage import ObjectStore
from tests.services.reward.doubles import SPEC, LabelerDouble, make_segment, place_of, store_segment


def higher_is_better(proposal: Proposal) -> Preference:
    """Prefer the segment whose name says the higher level."""
    first, second = (float(place.segment_id.split("-")[1]) for place in (proposal.first, proposal.second))
    return Preference.LEFT if first > second else Preference.RIGHT


@dataclass
class Harness:
    """A loop with the parts it is made of, and one simulator."""

    config: RewardConfig
    pool: SegmentPool
    loop: RewardLoop
    offers: Offers
    learner: RewardLearner
    labeler: LabelerDouble
    store: ObjectStore
    session: OfferSession
    spec: TaskSpec

    def offer(self, sequence: int, count: int = 48) -> None:
        """Offer one rollout's segments, which are stored already."""
        segments = [
            make_segment(f"s{sequence:03d}{index:03d}-{index}", index / 24, sequence=sequence, spec=self.spec)
            for index in range(count)
        ]
        for segment in segments:
            store_segment(self.store, segment)
        self.offers.offer(self.session, sequence, segments)

    async def serve_demands(self) -> None:
        """Answer each demand that its segments are stored."""
        while True:
            demand = await self.session.outbox.get()
            self.offers.stored(self.session, demand.demand_id, [place_of(i) for i in demand.segment_ids])

    async def settle(self, env_steps: int, sequence: int) -> None:
        """Move the learner to a step and wait until that step is settled."""
        self.loop.note_progress(LearnerProgress(env_steps=env_steps, newest_sequences={"sim": sequence}))
        async for update in self.loop.published.watch():
            if update.settled_env_steps >= env_steps:
                return


def make_harness(
    store: ObjectStore, labeler: LabelerDouble, *, spec: TaskSpec = SPEC, **overrides: Any
) -> Harness:
    """Return a harness over a store; ``overrides`` are settings of the reward service."""
    values: dict[str, Any] = {
        "task": "t",
        "run_id": "r",
        "storage_url": "memory://",
        "pacing": "lockstep",
        "label_budget": 10,
        "total_env_steps": 1000,
        "initial_fraction": 0.4,
        "labeling_fraction": 0.6,
        "min_pool_segments": 8,
        "wants_clips": "none",
    }
    config = RewardConfig(**{**values, **overrides})
    layout = SegmentLayout(spec)
    pool = SegmentPool(layout, capacity=100)
    offers = Offers(pool, capacity=100)
    ensemble = RewardEnsemble(RewardModelConfig.for_task(spec, hidden_size=8), seed=3)
    limits = config.limits_for(spec)
    learner = RewardLearner(
        trainer=Trainer(ensemble, limits.trainer, seed=3),
        training_set=TrainingSet(
            Comparisons(layout, capacity=50),
            load=lambda answer: load_compared_segments(store, answer, layout=layout),
        ),
        checkpoints=CheckpointStore(store, run_id="r"),
    )
    proposer = QueryProposer(
        pool=pool,
        offers=offers,
        receiver=labeler,
        published=learner.published,
        seed=3,
        num_candidate_pairs=10,
        tournament_size=2,
        wants_clips=config.wants_clips,
        scored=limits.scored,
    )
    loop = RewardLoop(
        config=config,
        pool=pool,
        offers=offers,
        proposer=proposer,
        learner=learner,
        labeler=labeler,  # type: ignore[arg-type]
    )
    return Harness(config, pool, loop, offers, learner, labeler, store, offers.join("sim"), spec)


@contextlib.asynccontextmanager
async def running(harness: Harness) -> AsyncIterator[None]:
    """Run a harness's loop, for two minutes at most."""
    await harness.loop.restore_model()
    await harness.loop.restore()
    tasks = [asyncio.create_task(harness.loop.run()), asyncio.create_task(harness.serve_demands())]
    try:
        async with asyncio.timeout(120):
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
