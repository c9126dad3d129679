"""The reward loop: what is asked when, what is learned, what is settled, what survives a restart."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from services.reward import loop as loop_module
from services.reward.pacing import stall_timer as stall
from services.reward.published import LearnerPlace
from somersault.domain.task_spec import TaskSpec
from somersault.storage import ObjectStore, open_store
from tests.services.reward.doubles import GAME, SPEC, LabelerDouble
from tests.services.reward.harness import higher_is_better, make_bench, running


@pytest.fixture
def store() -> ObjectStore:
    return open_store("memory://")


async def test_lockstep_asks_the_first_share_at_once_and_the_rest_by_schedule(store: ObjectStore) -> None:
    """Of 10 labels 4 come first, 3 more half-way to step 600, all by then, and never more."""
    bench = make_bench(store, LabelerDouble(higher_is_better))
    async with running(bench):
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
    bench = make_bench(store, LabelerDouble(higher_is_better, is_prompt=False))
    async with running(bench):
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


async def test_lockstep_waits_for_every_answer_that_a_query_wants(store: ObjectStore) -> None:
    """Four queries of two answers hold the learner back until the eighth answer, over a restart too; four labels count."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    bench = make_bench(store, labeler)
    async with running(bench):
        bench.offer(0)
        settling = asyncio.create_task(bench.settle(1, 0))
        while len(labeler.proposals) < 4:
            await asyncio.sleep(0.01)
        for proposal in labeler.proposals:
            labeler.append_answer(proposal, "one", fills_query=False)
        await asyncio.sleep(0.1)
        assert not settling.done()
        settling.cancel()
    bench = make_bench(store, labeler)
    async with running(bench):
        bench.offer(0)
        settling = asyncio.create_task(bench.settle(1, 0))
        for proposal in labeler.proposals[:3]:
            labeler.append_answer(proposal, "two")
        await asyncio.sleep(0.1)
        assert not settling.done()
        labeler.append_answer(labeler.proposals[3], "two")
        await settling
        assert bench.loop.settled.value.version.num_comparisons == 8
        assert bench.loop.ledger.num_answered == 4
        assert len(labeler.proposals) == 4


async def test_lockstep_admits_no_segment_that_the_learner_has_not_taken(store: ObjectStore) -> None:
    """Segments of rollout 1 wait until the learner took rollout 1, however early they come."""
    bench = make_bench(store, LabelerDouble(higher_is_better))
    async with running(bench):
        bench.offer(0)
        bench.offer(1)
        await bench.settle(1, 0)
        proposed = {place.segment_id for p in bench.labeler.proposals for place in (p.first, p.second)}
        assert all(name.startswith("s000") for name in proposed)


async def test_lockstep_waits_for_a_simulator_that_connects_late(store: ObjectStore) -> None:
    """What is asked at a step does not depend on whether rollout or offer was faster."""
    bench = make_bench(store, LabelerDouble(higher_is_better))
    bench.offers.leave(bench.session)
    async with running(bench):
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
        bench = make_bench(open_store("memory://"), LabelerDouble(higher_is_better), spec=spec, **settings)
        async with running(bench):
            for sequence, env_steps in enumerate((100, 300, 600)):
                bench.offer(sequence)
                await bench.settle(env_steps, sequence)
            assert bench.loop.settled.value.version.num_comparisons == 10
            weights.append(bench.loop.settled.value.version.weights)
    assert weights[0] == weights[1]


async def test_a_restart_goes_on_with_version_cursor_and_budget(store: ObjectStore) -> None:
    """After a kill the model, what it learned from, and the number of labels used come back."""
    labeler = LabelerDouble(higher_is_better)
    before = make_bench(store, labeler)
    async with running(before):
        before.offer(0)
        await before.settle(300, 0)
    version = before.loop.settled.value.version
    after = make_bench(store, labeler)
    async with running(after):
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
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    before = make_bench(store, labeler)
    async with running(before):
        before.offer(0)
        before.loop.place(LearnerPlace(env_steps=1, positions={"sim": 0}))
        while len(labeler.proposals) < 4:
            await asyncio.sleep(0.01)
    labeler.answer(4)
    after = make_bench(store, labeler)
    async with running(after):
        await after.settle(1, -1)
        assert after.loop.settled.value.version.num_comparisons == 4


async def test_answers_of_another_database_are_learned_whatever_the_checkpoint_knew(
    store: ObjectStore,
) -> None:
    """Its log begins at 1 again: without its rows the model would stand still until the log is as long as the old one."""
    before = make_bench(store, LabelerDouble(higher_is_better))
    async with running(before):
        before.offer(0)
        await before.settle(300, 0)
    version = before.loop.settled.value.version
    assert version.cursor == 7
    after = make_bench(store, LabelerDouble(higher_is_better))
    async with running(after):
        restored = after.loop.settled.value.version
        assert (restored.weights, restored.cursor) == (version.weights, 0)
        after.offer(1)
        await after.settle(301, 1)
        learned = after.loop.settled.value.version
        assert learned.version == version.version + 1
        assert learned.num_comparisons == learned.cursor == 7


async def test_free_pacing_keeps_queries_ready_and_waits_for_a_person_far_behind(store: ObjectStore) -> None:
    """8 queries are open ahead of need; the learner may not run past its label lag."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    bench = make_bench(store, labeler, pacing="free", max_label_lag=2, num_ready_queries=5)
    async with running(bench):
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
    bench = make_bench(store, LabelerDouble(higher_is_better), pacing="free", num_ready_queries=2)
    async with running(bench):
        bench.offer(0)
        await bench.settle(1, 0)
        while len(bench.labeler.log) < 6:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert len(bench.labeler.log) == 6
        bench.offer(1)
        await bench.settle(900, 1)
        while len(bench.labeler.log) < 10:
            await asyncio.sleep(0.01)


@pytest.fixture
def short_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the loop look at its queries whenever nothing was answered for a moment."""
    monkeypatch.setattr(stall, "_FIRST_STALL_S", 0.05)
    monkeypatch.setattr(stall, "_LONGEST_STALL_S", 0.05)
    monkeypatch.setattr(loop_module, "_LOOK_AGAIN_S", 0.02)


@pytest.mark.usefixtures("short_stalls")
@pytest.mark.parametrize("pacing", ["free", "lockstep"])
async def test_queries_that_nobody_answers_stay(store: ObjectStore, pacing: str) -> None:
    """Silence is no reason to take anything back, or to ask others: their clips are stored, whoever labels may be away."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    bench = make_bench(store, labeler, pacing=pacing, num_ready_queries=3)
    async with running(bench):
        bench.offer(0, count=60)
        bench.loop.place(LearnerPlace(env_steps=1, positions={"sim": 0}))
        while len(labeler.proposals) < 4:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
    assert (labeler.withdrawn, len(labeler.proposals)) == ([], 4)


@pytest.mark.usefixtures("short_stalls")
@pytest.mark.parametrize("pacing", ["free", "lockstep"])
async def test_others_are_asked_beside_queries_that_somebody_skipped(store: ObjectStore, pacing: str) -> None:
    """The learner goes on without those, nothing is taken back, and an answer to one still counts."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    bench = make_bench(store, labeler, pacing=pacing, num_ready_queries=4)
    async with running(bench):
        bench.offer(0, count=60)
        settling = asyncio.create_task(bench.settle(1, 0))
        while len(labeler.proposals) < 4:
            await asyncio.sleep(0.01)
        first = labeler.proposals[0]
        labeler.skipped = {first.proposal_id}
        for proposal in labeler.proposals[1:4]:
            labeler.append_answer(proposal, "teacher")
        while len(labeler.proposals) < 5:
            await asyncio.sleep(0.01)
        labeler.append_answer(labeler.proposals[4], "teacher")
        await settling
        labeler.append_answer(first, "other")
        while bench.loop.ledger.num_answered < len(labeler.answers):
            await asyncio.sleep(0.01)
        assert (labeler.withdrawn, bench.loop.ledger.num_answered) == ([], 5)


@pytest.mark.usefixtures("short_stalls")
@pytest.mark.parametrize("pacing", ["free", "lockstep"])
async def test_queries_whose_clips_can_not_be_drawn_are_replaced(store: ObjectStore, pacing: str) -> None:
    """They are no longer waited for, and don't count."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    bench = make_bench(store, labeler, pacing=pacing, num_ready_queries=3)
    async with running(bench):
        bench.offer(0, count=60)
        settling = asyncio.create_task(bench.settle(1, 0))
        while len(labeler.proposals) < 4:
            await asyncio.sleep(0.01)
        labeler.failed = {proposal.proposal_id for proposal in labeler.proposals}
        while len(labeler.proposals) < 8:
            await asyncio.sleep(0.01)
        assert (bench.loop.ledger.num_open, bench.loop.ledger.num_asked) == (4, 4)
        for proposal in labeler.proposals[4:]:
            labeler.append_answer(proposal, "teacher")
        await settling
        assert bench.loop.settled.value.version.num_comparisons == 4


async def test_clips_come_with_what_was_predicted_when_they_were_asked(store: ObjectStore) -> None:
    """Of each step, by the version of that moment; the first ones, before anything was learned, with nothing."""
    bench = make_bench(store, LabelerDouble(higher_is_better), wants_clips="all")
    async with running(bench):
        bench.offer(0)
        await bench.settle(1, 0)
        version = bench.student.published
        await bench.settle(300, 0)
    first, later = bench.labeler.proposals[:4], bench.labeler.proposals[4:]
    assert [proposal.predicted for proposal in first] == [None] * 4
    assert len(later) == 3
    for proposal in later:
        assert proposal.predicted is not None
        assert proposal.predicted.reward_version == version.version == 1
        for place, rewards in (
            (proposal.first, proposal.predicted.first),
            (proposal.second, proposal.predicted.second),
        ):
            position = bench.pool.segment_ids.index(place.segment_id)
            observations, actions = bench.pool.take([position])
            expected = version.ensemble.predict(observations, actions).mean(axis=0)[0]
            np.testing.assert_allclose(rewards, expected, rtol=1e-5)


async def test_pairs_that_are_not_drawn_come_without_predictions(store: ObjectStore) -> None:
    """Nobody looks at them."""
    bench = make_bench(store, LabelerDouble(higher_is_better), wants_clips="none")
    async with running(bench):
        bench.offer(0)
        await bench.settle(300, 0)
        await bench.settle(900, 0)
    assert [proposal.predicted for proposal in bench.labeler.proposals] == [None] * 10


async def test_the_honest_figure_tests_each_answer_before_learning_it(store: ObjectStore) -> None:
    """Every answer of left or right counts once, and none before there was an answer."""
    bench = make_bench(store, LabelerDouble(higher_is_better))
    async with running(bench):
        assert bench.student.agreement is None
        bench.offer(0, count=24)
        await bench.settle(900, 0)
        assert bench.student.num_agreement == 10
        assert bench.student.agreement is not None


async def test_an_excluded_labeler_leaves_training_and_comes_back(store: ObjectStore) -> None:
    """Free pacing learns of it at once, without a new answer; after a restart it still holds."""
    labeler = LabelerDouble(higher_is_better, labelers=("ada", "bob"))
    bench = make_bench(store, labeler, pacing="free", num_ready_queries=2)
    async with running(bench):
        bench.offer(0)
        await bench.settle(1, 0)
        while bench.loop.settled.value.version.num_comparisons < 6:
            await asyncio.sleep(0.01)
        labeler.weigh("bob", 0)
        while bench.loop.settled.value.version.num_comparisons != 3:
            await asyncio.sleep(0.01)
        assert bench.loop.settled.value.version.cursor == 7
    after = make_bench(store, labeler, pacing="free", num_ready_queries=2)
    async with running(after):
        assert after.loop.settled.value.version.weights == bench.loop.settled.value.version.weights
        labeler.weigh("bob", 1)
        while after.loop.settled.value.version.num_comparisons != 6:
            await asyncio.sleep(0.01)
        assert after.loop.settled.value.version.cursor == 8


async def test_gold_answers_neither_teach_nor_count(store: ObjectStore) -> None:
    """The budget, the version and what was learned are as before, also after a restart."""
    labeler = LabelerDouble(higher_is_better)
    bench = make_bench(store, labeler)
    async with running(bench):
        bench.offer(0)
        await bench.settle(1, 0)
        version = bench.loop.settled.value.version
        labeler.append_gold(labeler.proposals[0])
        await bench.settle(100, 0)
        assert bench.loop.ledger.num_asked == len(labeler.answers)
        assert bench.loop.settled.value.version.num_comparisons == len(labeler.answers)
        assert version.num_comparisons == 4
    after = make_bench(store, labeler)
    async with running(after):
        assert after.loop.ledger.num_asked == len(labeler.answers)
