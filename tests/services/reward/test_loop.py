"""The reward loop: what is asked when, what is learned, what is settled, what survives a restart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from services.reward import loop as loop_module
from services.reward import stall
from services.reward.answers import load_compared_segments
from services.reward.asking import Asker
from services.reward.bounds import scored_part, trainer_config_for
from services.reward.comparisons import Comparisons
from services.reward.config import RewardConfig
from services.reward.keeper import Keeper
from services.reward.labeling import Proposal
from services.reward.lessons import Lessons
from services.reward.loop import RewardLoop
from services.reward.offers import Offers, OfferSession
from services.reward.segment_layout import SegmentLayout
from services.reward.segment_pool import SegmentPool
from services.reward.settled import LearnerPlace
from services.reward.student import Student
from services.reward.trainer import Trainer
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.storage import ObjectStore, open_store
from somersault.types import Preference, TaskSpec
from tests.services.reward.doubles import GAME, SPEC, LabelerDouble, make_segment, place_of, store_segment


def _higher_is_better(proposal: Proposal) -> Preference:
    first, second = (float(place.segment_id.split("-")[1]) for place in (proposal.first, proposal.second))
    return Preference.LEFT if first > second else Preference.RIGHT


@dataclass
class _Bench:
    loop: RewardLoop
    offers: Offers
    student: Student
    labeler: LabelerDouble
    store: ObjectStore
    session: OfferSession
    spec: TaskSpec

    def offer(self, sequence: int, count: int = 48) -> None:
        segments = [
            make_segment(f"s{sequence:03d}{index:03d}-{index}", index / 24, sequence=sequence, spec=self.spec)
            for index in range(count)
        ]
        for segment in segments:
            store_segment(self.store, segment)
        self.offers.offer(self.session, sequence, segments)

    async def serve_demands(self) -> None:
        while True:
            demand = await self.session.outbox.get()
            self.offers.stored(self.session, demand.demand_id, [place_of(i) for i in demand.segment_ids])

    async def settle(self, env_steps: int, sequence: int) -> None:
        self.loop.place(LearnerPlace(env_steps=env_steps, positions={"sim": sequence}))
        async for settled in self.loop.settled.watch():
            if settled.env_steps >= env_steps:
                return


def _make(store: ObjectStore, labeler: LabelerDouble, *, spec: TaskSpec = SPEC, **overrides: Any) -> _Bench:
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
    return _Bench(loop, offers, student, labeler, store, offers.join("sim"), spec)


@contextlib.asynccontextmanager
async def _running(bench: _Bench) -> AsyncIterator[None]:
    await bench.loop.restore()
    tasks = [asyncio.create_task(bench.loop.run()), asyncio.create_task(bench.serve_demands())]
    try:
        async with asyncio.timeout(120):
            yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def store() -> ObjectStore:
    return open_store("memory://")


async def test_lockstep_asks_the_first_share_at_once_and_the_rest_by_schedule(store: ObjectStore) -> None:
    """Of 10 labels 4 come first, 3 more half-way to step 600, all by then, and never more."""
    bench = _make(store, LabelerDouble(_higher_is_better))
    async with _running(bench):
        bench.offer(0)
        await bench.settle(1, 0)
        assert len(bench.labeler.log) == 4
        assert bench.loop.settled.value.is_pretrained
        await bench.settle(300, 0)
        assert len(bench.labeler.log) == 7
        await bench.settle(900, 0)
        assert len(bench.labeler.log) == 10
        assert bench.loop.settled.value.version.num_comparisons == 10
        assert bench.loop.settled.value.version.version == 3


async def test_lockstep_settles_only_when_the_answers_are_learned(store: ObjectStore) -> None:
    """An unanswered query holds the learner back."""
    bench = _make(store, LabelerDouble(_higher_is_better, is_prompt=False))
    async with _running(bench):
        bench.offer(0)
        settling = asyncio.create_task(bench.settle(1, 0))
        while len(bench.labeler.proposals) < 4:
            await asyncio.sleep(0.01)
        bench.labeler.answer(3)
        await asyncio.sleep(0.1)
        assert not settling.done()
        bench.labeler.answer(1)
        await settling
        assert bench.loop.settled.value.version.cursor == 4


async def test_lockstep_admits_no_segment_that_the_learner_has_not_taken(store: ObjectStore) -> None:
    """Segments of rollout 1 wait until the learner took rollout 1, however early they come."""
    bench = _make(store, LabelerDouble(_higher_is_better))
    async with _running(bench):
        bench.offer(0)
        bench.offer(1)
        await bench.settle(1, 0)
        proposed = {place.segment_id for p in bench.labeler.proposals for place in (p.first, p.second)}
        assert all(name.startswith("s000") for name in proposed)


async def test_lockstep_waits_for_a_simulator_that_connects_late(store: ObjectStore) -> None:
    """What is asked at a step does not depend on whether rollout or offer was faster."""
    bench = _make(store, LabelerDouble(_higher_is_better))
    bench.offers.leave(bench.session)
    async with _running(bench):
        settling = asyncio.create_task(bench.settle(1, 0))
        await asyncio.sleep(0.2)
        assert not settling.done()
        late = bench.offers.join("sim")
        bench.session.outbox, late.outbox = late.outbox, bench.session.outbox
        bench.session = late
        bench.offer(0)
        await settling
        assert len(bench.labeler.log) == 4


_FEW_STEPS = {"first_round_steps": 2, "round_steps": 1, "minibatch_size": 4, "stride": 2}


@pytest.mark.parametrize(
    ("spec", "settings"), [(SPEC, {}), (GAME, {"picture_trainer": _FEW_STEPS, "max_scored_pictures": 20})]
)
async def test_the_same_seed_asks_and_learns_the_same(spec: TaskSpec, settings: dict[str, Any]) -> None:
    """Two lockstep runs with the same offers publish bit-equal reward models, of pictures too."""
    weights = []
    for _ in range(2):
        bench = _make(open_store("memory://"), LabelerDouble(_higher_is_better), spec=spec, **settings)
        async with _running(bench):
            for sequence, env_steps in enumerate((100, 300, 600)):
                bench.offer(sequence)
                await bench.settle(env_steps, sequence)
            assert bench.loop.settled.value.version.num_comparisons == 10
            weights.append(bench.loop.settled.value.version.weights)
    assert weights[0] == weights[1]


async def test_a_restart_goes_on_with_version_cursor_and_budget(store: ObjectStore) -> None:
    """After a kill the model, what it learned from, and the number of labels used come back."""
    labeler = LabelerDouble(_higher_is_better)
    before = _make(store, labeler)
    async with _running(before):
        before.offer(0)
        await before.settle(300, 0)
    version = before.loop.settled.value.version
    after = _make(store, labeler)
    async with _running(after):
        restored = after.loop.settled.value
        assert restored.version.weights == version.weights
        assert (restored.version.version, restored.version.cursor) == (version.version, version.cursor)
        assert restored.is_pretrained
        after.offer(1)
        await after.settle(900, 1)
        assert len(labeler.log) == 10
        assert len({answer.query_id for answer in labeler.answers}) == 10
        assert after.loop.settled.value.version.num_comparisons == 10


async def test_answers_given_while_the_service_was_away_are_learned(store: ObjectStore) -> None:
    """What was answered after the last checkpoint is in the log and so is not lost."""
    labeler = LabelerDouble(_higher_is_better, is_prompt=False)
    before = _make(store, labeler)
    async with _running(before):
        before.offer(0)
        before.loop.place(LearnerPlace(env_steps=1, positions={"sim": 0}))
        while len(labeler.proposals) < 4:
            await asyncio.sleep(0.01)
    labeler.answer(4)
    after = _make(store, labeler)
    async with _running(after):
        await after.settle(1, -1)
        assert after.loop.settled.value.version.num_comparisons == 4


async def test_free_pacing_keeps_queries_ready_and_waits_for_a_person_far_behind(store: ObjectStore) -> None:
    """8 queries are open ahead of need; the learner may not run past its label lag."""
    labeler = LabelerDouble(_higher_is_better, is_prompt=False)
    bench = _make(store, labeler, pacing="free", max_label_lag=2, num_ready_queries=5)
    async with _running(bench):
        bench.offer(0, count=60)
        bench.loop.place(LearnerPlace(env_steps=300, positions={"sim": 0}))
        while bench.loop.ledger.num_open < 5:
            await asyncio.sleep(0.01)
        labeler.answer(4)
        while not bench.loop.settled.value.is_pretrained:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert bench.loop.settled.value.env_steps < 300  # 7 are due, 4 answered: 3 behind
        labeler.answer(1)
        await bench.settle(300, 0)
        while bench.loop.ledger.num_open < 5:
            await asyncio.sleep(0.01)


async def test_free_pacing_never_runs_far_ahead_of_the_schedule(store: ObjectStore) -> None:
    """A labeler that answers at once gets 4 due and 2 ahead, not the whole budget on the first policy."""
    bench = _make(store, LabelerDouble(_higher_is_better), pacing="free", num_ready_queries=2)
    async with _running(bench):
        bench.offer(0)
        await bench.settle(1, 0)
        await asyncio.sleep(0.2)
        assert len(bench.labeler.log) == 6
        bench.offer(1)
        await bench.settle(900, 1)
        while len(bench.labeler.log) < 10:
            await asyncio.sleep(0.01)


async def test_queries_that_nobody_answers_are_replaced(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When every open query was skipped, others are asked in their place and the budget is not spent."""
    monkeypatch.setattr(stall, "_FIRST_STALL_S", 0.05)
    monkeypatch.setattr(loop_module, "_LOOK_AGAIN_S", 0.05)
    labeler = LabelerDouble(_higher_is_better, is_prompt=False)
    bench = _make(store, labeler, pacing="free", num_ready_queries=3)
    async with _running(bench):
        bench.offer(0, count=60)
        while len(labeler.proposals) < 3:
            await asyncio.sleep(0.01)
        first = {proposal.proposal_id for proposal in labeler.proposals}
        while first & {proposal.proposal_id for proposal in labeler.proposals}:
            await asyncio.sleep(0.01)
        while len(labeler.proposals) < 3:
            await asyncio.sleep(0.01)
        assert bench.loop.ledger.num_asked <= 10


async def test_the_honest_figure_tests_each_answer_before_learning_it(store: ObjectStore) -> None:
    """Every answer of left or right counts once, and none before there was an answer."""
    bench = _make(store, LabelerDouble(_higher_is_better))
    async with _running(bench):
        assert bench.student.agreement is None
        bench.offer(0, count=24)
        await bench.settle(900, 0)
        assert bench.student.num_agreement == 10
        assert bench.student.agreement is not None


async def test_an_excluded_labeler_leaves_training_and_comes_back(store: ObjectStore) -> None:
    """Free pacing learns of it at once, without a new answer; after a restart it still holds."""
    labeler = LabelerDouble(_higher_is_better, labelers=("ada", "bob"))
    bench = _make(store, labeler, pacing="free", num_ready_queries=2)
    async with _running(bench):
        bench.offer(0)
        await bench.settle(1, 0)
        while bench.loop.settled.value.version.num_comparisons < 6:
            await asyncio.sleep(0.01)
        labeler.weigh("bob", 0)
        while bench.loop.settled.value.version.num_comparisons != 3:
            await asyncio.sleep(0.01)
        assert bench.loop.settled.value.version.cursor == 7
    after = _make(store, labeler, pacing="free", num_ready_queries=2)
    async with _running(after):
        assert after.loop.settled.value.version.weights == bench.loop.settled.value.version.weights
        labeler.weigh("bob", 1)
        while after.loop.settled.value.version.num_comparisons != 6:
            await asyncio.sleep(0.01)
        assert after.loop.settled.value.version.cursor == 8


async def test_gold_answers_neither_teach_nor_count(store: ObjectStore) -> None:
    """The budget, the version and what was learned are as before, also after a restart."""
    labeler = LabelerDouble(_higher_is_better)
    bench = _make(store, labeler)
    async with _running(bench):
        bench.offer(0)
        await bench.settle(1, 0)
        version = bench.loop.settled.value.version
        labeler.append_gold(labeler.proposals[0])
        await asyncio.sleep(0.05)
        await bench.settle(100, 0)
        assert bench.loop.ledger.num_asked == len(labeler.answers)
        assert bench.loop.settled.value.version.num_comparisons == len(labeler.answers)
        assert version.num_comparisons == 4
    after = _make(store, labeler)
    async with _running(after):
        assert after.loop.ledger.num_asked == len(labeler.answers)
