"""The reward loop: what is asked when, what is learned, what is settled, what survives a restart."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest

from services.reward import loop as loop_module
from services.reward.pacing import stall_timer
from services.reward.pacing.learner_progress import LearnerProgress
from somersault.domain.task_spec import TaskSpec
from somersault.storage import ObjectStore, open_store
from tests.services.reward.doubles import GAME, SPEC, LabelerDouble
from tests.services.reward.harness import higher_is_better, make_harness, running


@pytest.fixture
def store() -> ObjectStore:
    return open_store("memory://")


async def test_lockstep_asks_the_first_share_at_once_and_the_rest_by_schedule(store: ObjectStore) -> None:
    """Of 10 labels 4 come first, 3 more half-way to step 600, all by then, and never more."""
    harness = make_harness(store, LabelerDouble(higher_is_better))
    async with running(harness):
        harness.offer(0)
        await harness.settle(1, 0)
        assert len(harness.labeler.log) == 4
        assert harness.loop.published.newest.is_pretrained
        await harness.settle(300, 0)
        assert len(harness.labeler.log) == 7
        await harness.settle(900, 0)
        assert len(harness.labeler.log) == 10
        assert harness.loop.published.version.num_comparisons == 10
        assert harness.loop.published.version.number == 3


async def test_lockstep_settles_only_when_the_answers_are_learned(store: ObjectStore) -> None:
    """An unanswered query holds the learner back."""
    harness = make_harness(store, LabelerDouble(higher_is_better, is_prompt=False))
    async with running(harness):
        harness.offer(0)
        settling = asyncio.create_task(harness.settle(1, 0))
        while len(harness.labeler.proposals) < 4:
            await asyncio.sleep(0.01)
        harness.labeler.answer(3)
        await asyncio.sleep(0.1)
        assert not settling.done()
        harness.labeler.answer(1)
        await settling
        assert harness.loop.published.version.cursor == 4


async def test_lockstep_waits_for_every_answer_that_a_query_wants(store: ObjectStore) -> None:
    """Four queries of two answers hold the learner back until the eighth answer, over a restart too; four labels count."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    harness = make_harness(store, labeler)
    async with running(harness):
        harness.offer(0)
        settling = asyncio.create_task(harness.settle(1, 0))
        while len(labeler.proposals) < 4:
            await asyncio.sleep(0.01)
        for proposal in labeler.proposals:
            labeler.append_answer(proposal, "one", fills_query=False)
        await asyncio.sleep(0.1)
        assert not settling.done()
        settling.cancel()
    harness = make_harness(store, labeler)
    async with running(harness):
        harness.offer(0)
        settling = asyncio.create_task(harness.settle(1, 0))
        for proposal in labeler.proposals[:3]:
            labeler.append_answer(proposal, "two")
        await asyncio.sleep(0.1)
        assert not settling.done()
        labeler.append_answer(labeler.proposals[3], "two")
        await settling
        assert harness.loop.published.version.num_comparisons == 8
        assert harness.loop.tracker.num_answered == 4
        assert len(labeler.proposals) == 4


async def test_lockstep_admits_no_segment_that_the_learner_has_not_taken(store: ObjectStore) -> None:
    """Segments of rollout 1 wait until the learner took rollout 1, however early they come."""
    harness = make_harness(store, LabelerDouble(higher_is_better))
    async with running(harness):
        harness.offer(0)
        harness.offer(1)
        await harness.settle(1, 0)
        proposed = {place.segment_id for p in harness.labeler.proposals for place in (p.first, p.second)}
        assert all(name.startswith("s000") for name in proposed)


async def test_lockstep_waits_for_a_simulator_that_connects_late(store: ObjectStore) -> None:
    """What is asked at a step does not depend on whether rollout or offer was faster."""
    harness = make_harness(store, LabelerDouble(higher_is_better))
    harness.offers.leave(harness.session)
    async with running(harness):
        settling = asyncio.create_task(harness.settle(1, 0))
        await asyncio.sleep(0.2)
        assert not settling.done()
        late = harness.offers.join("sim")
        harness.session.outbox, late.outbox = late.outbox, harness.session.outbox
        harness.session = late
        harness.offer(0)
        await settling
        assert len(harness.labeler.log) == 4


_FEW_STEPS = {"first_round_steps": 2, "round_steps": 1, "minibatch_size": 4, "stride": 2}


@pytest.mark.parametrize(
    ("spec", "settings"), [(SPEC, {}), (GAME, {"picture_trainer": _FEW_STEPS, "max_scored_pictures": 20})]
)
async def test_the_same_seed_asks_and_learns_the_same(spec: TaskSpec, settings: dict[str, Any]) -> None:
    """Two lockstep runs with the same offers publish bit-equal reward models, of pictures too."""
    weights = []
    for _ in range(2):
        harness = make_harness(
            open_store("memory://"), LabelerDouble(higher_is_better), spec=spec, **settings
        )
        async with running(harness):
            for sequence, env_steps in enumerate((100, 300, 600)):
                harness.offer(sequence)
                await harness.settle(env_steps, sequence)
            assert harness.loop.published.version.num_comparisons == 10
            weights.append(harness.loop.published.version.weights)
    assert weights[0] == weights[1]


async def test_a_restart_goes_on_with_version_cursor_and_budget(store: ObjectStore) -> None:
    """After a kill the model, what it learned from, and the number of labels used come back."""
    labeler = LabelerDouble(higher_is_better)
    before = make_harness(store, labeler)
    async with running(before):
        before.offer(0)
        await before.settle(300, 0)
    version = before.loop.published.version
    after = make_harness(store, labeler)
    async with running(after):
        restored = after.loop.published.newest
        assert restored.version.weights == version.weights
        assert (restored.version.number, restored.version.cursor) == (version.number, version.cursor)
        assert restored.is_pretrained
        after.offer(1)
        await after.settle(900, 1)
        assert len(labeler.log) == 10
        assert len({answer.query_id for answer in labeler.answers}) == 10
        assert after.loop.published.version.num_comparisons == 10


async def test_answers_given_while_the_service_was_away_are_learned(store: ObjectStore) -> None:
    """What was answered after the last checkpoint is in the log and so is not lost."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    before = make_harness(store, labeler)
    async with running(before):
        before.offer(0)
        before.loop.note_progress(LearnerProgress(env_steps=1, newest_sequences={"sim": 0}))
        while len(labeler.proposals) < 4:
            await asyncio.sleep(0.01)
    labeler.answer(4)
    after = make_harness(store, labeler)
    async with running(after):
        await after.settle(1, -1)
        assert after.loop.published.version.num_comparisons == 4


async def test_answers_of_another_database_are_learned_whatever_the_checkpoint_knew(
    store: ObjectStore,
) -> None:
    """Its log begins at 1 again: without its rows the model would stand still until the log is as long as the old one."""
    before = make_harness(store, LabelerDouble(higher_is_better))
    async with running(before):
        before.offer(0)
        await before.settle(300, 0)
    version = before.loop.published.version
    assert version.cursor == 7
    after = make_harness(store, LabelerDouble(higher_is_better))
    async with running(after):
        restored = after.loop.published.version
        assert (restored.weights, restored.position) == (version.weights, version.position)
        after.offer(1)
        await after.settle(301, 1)
        learned = after.loop.published.version
        assert learned.number == version.number + 1
        assert learned.num_comparisons == learned.cursor == 7


async def test_free_pacing_keeps_queries_ready_and_waits_for_a_person_far_behind(store: ObjectStore) -> None:
    """8 queries are open ahead of need; the learner may not run past its label lag."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    harness = make_harness(store, labeler, pacing="free", max_label_lag=2, num_ready_queries=5)
    async with running(harness):
        harness.offer(0, count=60)
        harness.loop.note_progress(LearnerProgress(env_steps=300, newest_sequences={"sim": 0}))
        while harness.loop.tracker.num_open < 5:
            await asyncio.sleep(0.01)
        labeler.answer(4)
        while not harness.loop.published.newest.is_pretrained:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert harness.loop.published.newest.settled_env_steps < 300  # 7 are due, 4 answered: 3 behind
        labeler.answer(1)
        await harness.settle(300, 0)
        while harness.loop.tracker.num_open < 5:
            await asyncio.sleep(0.01)


async def test_free_pacing_never_runs_far_ahead_of_the_schedule(store: ObjectStore) -> None:
    """A labeler that answers at once gets 4 due and 2 ahead, not the whole budget on the first policy."""
    harness = make_harness(store, LabelerDouble(higher_is_better), pacing="free", num_ready_queries=2)
    async with running(harness):
        harness.offer(0)
        await harness.settle(1, 0)
        while len(harness.labeler.log) < 6:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert len(harness.labeler.log) == 6
        harness.offer(1)
        await harness.settle(900, 1)
        while len(harness.labeler.log) < 10:
            await asyncio.sleep(0.01)


@pytest.fixture
def short_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the loop look at its queries whenever nothing was answered for a moment."""
    monkeypatch.setattr(stall_timer, "_FIRST_STALL_S", 0.05)
    monkeypatch.setattr(stall_timer, "_LONGEST_STALL_S", 0.05)
    monkeypatch.setattr(loop_module, "_LOOK_AGAIN_S", 0.02)


@pytest.mark.usefixtures("short_stalls")
@pytest.mark.parametrize("pacing", ["free", "lockstep"])
async def test_unanswered_queries_stay(store: ObjectStore, pacing: str) -> None:
    """Silence is no reason to withdraw a query or to ask another: its clips are stored, and labelers may be away."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    harness = make_harness(store, labeler, pacing=pacing, num_ready_queries=3)
    async with running(harness):
        harness.offer(0, count=60)
        harness.loop.note_progress(LearnerProgress(env_steps=1, newest_sequences={"sim": 0}))
        while len(labeler.proposals) < 4:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.5)
    assert (labeler.withdrawn, len(labeler.proposals)) == ([], 4)


@pytest.mark.usefixtures("short_stalls")
@pytest.mark.parametrize("pacing", ["free", "lockstep"])
async def test_others_are_asked_beside_skipped_queries(store: ObjectStore, pacing: str) -> None:
    """The learner goes on without those, nothing is withdrawn, and an answer to one still counts."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    harness = make_harness(store, labeler, pacing=pacing, num_ready_queries=4)
    async with running(harness):
        harness.offer(0, count=60)
        settling = asyncio.create_task(harness.settle(1, 0))
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
        while harness.loop.tracker.num_answered < len(labeler.answers):
            await asyncio.sleep(0.01)
        assert (labeler.withdrawn, harness.loop.tracker.num_answered) == ([], 5)


@pytest.mark.usefixtures("short_stalls")
@pytest.mark.parametrize("pacing", ["free", "lockstep"])
async def test_queries_whose_clips_can_not_be_rendered_are_replaced(store: ObjectStore, pacing: str) -> None:
    """They are no longer waited for, and don't count."""
    labeler = LabelerDouble(higher_is_better, is_prompt=False)
    harness = make_harness(store, labeler, pacing=pacing, num_ready_queries=3)
    async with running(harness):
        harness.offer(0, count=60)
        settling = asyncio.create_task(harness.settle(1, 0))
        while len(labeler.proposals) < 4:
            await asyncio.sleep(0.01)
        labeler.failed = {proposal.proposal_id for proposal in labeler.proposals}
        while len(labeler.proposals) < 8:
            await asyncio.sleep(0.01)
        assert (harness.loop.tracker.num_open, harness.loop.tracker.num_asked) == (4, 4)
        for proposal in labeler.proposals[4:]:
            labeler.append_answer(proposal, "teacher")
        await settling
        assert harness.loop.published.version.num_comparisons == 4


async def test_clips_come_with_what_was_predicted_when_they_were_asked(store: ObjectStore) -> None:
    """Of each step, by the version of that moment; the first ones, before anything was learned, with nothing."""
    harness = make_harness(store, LabelerDouble(higher_is_better), wants_clips="all")
    async with running(harness):
        harness.offer(0)
        await harness.settle(1, 0)
        version = harness.learner.published.version
        await harness.settle(300, 0)
    first, later = harness.labeler.proposals[:4], harness.labeler.proposals[4:]
    assert [proposal.predicted for proposal in first] == [None] * 4
    assert len(later) == 3
    for proposal in later:
        assert proposal.predicted is not None
        assert proposal.predicted.reward_version == version.number == 1
        for place, rewards in (
            (proposal.first, proposal.predicted.first),
            (proposal.second, proposal.predicted.second),
        ):
            index = harness.pool.segment_ids.index(place.segment_id)
            observations, actions = harness.pool.take([index])
            expected = version.ensemble.predict(observations, actions).mean(axis=0)[0]
            np.testing.assert_allclose(rewards, expected, rtol=1e-5)


async def test_pairs_that_are_not_rendered_come_without_predictions(store: ObjectStore) -> None:
    """There is no page on which they would be shown."""
    harness = make_harness(store, LabelerDouble(higher_is_better), wants_clips="none")
    async with running(harness):
        harness.offer(0)
        await harness.settle(300, 0)
        await harness.settle(900, 0)
    assert [proposal.predicted for proposal in harness.labeler.proposals] == [None] * 10


async def test_preference_accuracy_tests_each_answer_before_learning_it(store: ObjectStore) -> None:
    """Every answer of left or right counts once, and none before there was an answer."""
    harness = make_harness(store, LabelerDouble(higher_is_better))
    async with running(harness):
        assert harness.learner.preference_accuracy is None
        harness.offer(0, count=24)
        await harness.settle(900, 0)
        assert harness.learner.num_accuracy_preferences == 10
        assert harness.learner.preference_accuracy is not None


async def test_an_excluded_labeler_leaves_training_and_comes_back(store: ObjectStore) -> None:
    """Free pacing learns of it at once, without a new answer; after a restart it still holds."""
    labeler = LabelerDouble(higher_is_better, labelers=("ada", "bob"))
    harness = make_harness(store, labeler, pacing="free", num_ready_queries=2)
    async with running(harness):
        harness.offer(0)
        await harness.settle(1, 0)
        while harness.loop.published.version.num_comparisons < 6:
            await asyncio.sleep(0.01)
        labeler.weigh("bob", 0)
        while harness.loop.published.version.num_comparisons != 3:
            await asyncio.sleep(0.01)
        assert harness.loop.published.version.cursor == 7
    after = make_harness(store, labeler, pacing="free", num_ready_queries=2)
    async with running(after):
        assert after.loop.published.version.weights == harness.loop.published.version.weights
        labeler.weigh("bob", 1)
        while after.loop.published.version.num_comparisons != 6:
            await asyncio.sleep(0.01)
        assert after.loop.published.version.cursor == 8


async def test_gold_answers_neither_teach_nor_count(store: ObjectStore) -> None:
    """The budget, the version and what was learned are as before, also after a restart."""
    labeler = LabelerDouble(higher_is_better)
    harness = make_harness(store, labeler)
    async with running(harness):
        harness.offer(0)
        await harness.settle(1, 0)
        version = harness.loop.published.version
        labeler.append_gold(labeler.proposals[0])
        await harness.settle(100, 0)
        assert harness.loop.tracker.num_asked == len(labeler.answers)
        assert harness.loop.published.version.num_comparisons == len(labeler.answers)
        assert version.num_comparisons == 4
    after = make_harness(store, labeler)
    async with running(after):
        assert after.loop.tracker.num_asked == len(labeler.answers)
