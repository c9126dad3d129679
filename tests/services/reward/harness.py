"""A reward loop with everything around it but the services it talks to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from services.reward.config import RewardConfig
from services.reward.feedback.comparisons import Comparisons
from services.reward.feedback.preference_log import load_compared_segments
from services.reward.limits import scored_part, trainer_config_for
from services.reward.loop import RewardLoop
from services.reward.published import LearnerPlace
from services.reward.queries.proposals import Proposal
from services.reward.queries.proposer import Asker
from services.reward.segments.layout import SegmentLayout
from services.reward.segments.offers import Offers, OfferSession
from services.reward.segments.pool import SegmentPool
from services.reward.training.checkpoints import Keeper
from services.reward.training.lessons import Lessons
from services.reward.training.reward_learner import Student
from services.reward.training.trainer import Trainer
from somersault.domain.feedback import Preference
from somersault.domain.task_spec import TaskSpec
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.storage import ObjectStore
from tests.services.reward.doubles import SPEC, LabelerDouble, make_segment, place_of, store_segment


def higher_is_better(proposal: Proposal) -> Preference:
    """Prefers the segment whose name says the higher level."""
    first, second = (float(place.segment_id.split("-")[1]) for place in (proposal.first, proposal.second))
    return Preference.LEFT if first > second else Preference.RIGHT


@dataclass
class Bench:
    """A loop with what it is made of, and one simulator."""

    config: RewardConfig
    pool: SegmentPool
    loop: RewardLoop
    offers: Offers
    student: Student
    labeler: LabelerDouble
    store: ObjectStore
    session: OfferSession
    spec: TaskSpec

    def offer(self, sequence: int, count: int = 48) -> None:
        """Offers one rollout's segments, stored already."""
        segments = [
            make_segment(f"s{sequence:03d}{index:03d}-{index}", index / 24, sequence=sequence, spec=self.spec)
            for index in range(count)
        ]
        for segment in segments:
            store_segment(self.store, segment)
        self.offers.offer(self.session, sequence, segments)

    async def serve_demands(self) -> None:
        """Says of everything demanded that it is stored."""
        while True:
            demand = await self.session.outbox.get()
            self.offers.stored(self.session, demand.demand_id, [place_of(i) for i in demand.segment_ids])

    async def settle(self, env_steps: int, sequence: int) -> None:
        """Moves the learner on and waits until that step is settled."""
        self.loop.place(LearnerPlace(env_steps=env_steps, positions={"sim": sequence}))
        async for settled in self.loop.settled.watch():
            if settled.env_steps >= env_steps:
                return


def make_bench(
    store: ObjectStore, labeler: LabelerDouble, *, spec: TaskSpec = SPEC, **overrides: Any
) -> Bench:
    """Gives a bench over a store; further settings are those of the reward service."""
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
    student = Student(
        trainer=Trainer(ensemble, trainer_config_for(config, layout), seed=3),
        comparisons=Comparisons(layout, capacity=50),
        load=lambda answer: load_compared_segments(store, answer, layout=layout),
    )
    asker = Asker(
        pool=pool,
        offers=offers,
        proposer=labeler,
        newest=lambda: student.published,
        seed=3,
        num_candidate_pairs=10,
        tournament_size=2,
        wants_clips=config.wants_clips,
        scored=scored_part(config, layout),
    )
    loop = RewardLoop(
        config=config,
        pool=pool,
        offers=offers,
        asker=asker,
        lessons=Lessons(student, Keeper(store, run_id="r")),
        labeler=labeler,  # type: ignore[arg-type]
    )
    return Bench(config, pool, loop, offers, student, labeler, store, offers.join("sim"), spec)


@contextlib.asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    """Runs a bench's loop, two minutes at most."""
    await bench.loop.restore()
    tasks = [asyncio.create_task(bench.loop.run()), asyncio.create_task(bench.serve_demands())]
    try:
        async with asyncio.timeout(120):
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
