"""The labeler's database was restored from a backup: what the reward service learns from the log that it now is."""

from __future__ import annotations

import asyncio

import pytest

from somersault.errors import LogWentBackError
from somersault.storage import ObjectStore, open_store
from tests.services.reward.doubles import LabelerDouble
from tests.services.reward.harness import Harness, higher_is_better, make_harness, running


@pytest.fixture
def store() -> ObjectStore:
    return open_store("memory://")


async def _learn_ten(store: ObjectStore, labeler: LabelerDouble) -> Harness:
    harness = make_harness(store, labeler)
    async with running(harness):
        harness.offer(0)
        await harness.settle(900, 0)
        assert harness.loop.published.version.cursor == 10
    return harness


@pytest.mark.parametrize(("num_kept", "num_after"), [(0, 1), (4, 1), (4, 6), (9, 4)])
async def test_answers_given_after_a_restore_are_learned(
    store: ObjectStore, num_kept: int, num_after: int
) -> None:
    """However many were kept, and whether the log has grown again to where it was learned, not yet, or past it."""
    labeler = LabelerDouble(higher_is_better)
    before = await _learn_ten(store, labeler)
    lost = labeler.restore(num_kept)
    for number in range(num_after):
        labeler.append_answer(lost[number % len(lost)], f"labeler-{number}")
    after = make_harness(store, labeler, label_budget=20)
    async with running(after):
        version = after.loop.published.version
        assert version.num_comparisons == len(labeler.answers) == num_kept + num_after
        assert version.cursor == len(labeler.log)
        assert version.number > before.loop.published.version.number


async def test_nothing_remains_of_what_was_lost(store: ObjectStore) -> None:
    """The model is that of a service which learned the log that there is now from scratch, bit for bit; a restart keeps it."""
    labeler = LabelerDouble(higher_is_better)
    await _learn_ten(store, labeler)
    lost = labeler.restore(4)
    labeler.append_answer(lost[0], "one")
    after = make_harness(store, labeler, label_budget=20)
    async with running(after):
        version = after.loop.published.version
    trainer = after.learner._trainer
    comparisons = after.learner._training_set.comparisons
    trainer.num_rounds -= 1
    trainer.train_round(comparisons, from_scratch=True)
    assert trainer.ensemble.to_bytes() == version.weights
    again = make_harness(store, labeler, label_budget=20)
    async with running(again):
        restored = again.loop.published.version
        assert (restored.number, restored.position, restored.num_comparisons) == (
            version.number,
            version.position,
            version.num_comparisons,
        )


async def test_a_log_that_goes_back_while_it_is_followed_ends_the_service(store: ObjectStore) -> None:
    """It is started again, and then learns what it must: nothing that it holds in memory can be trusted."""
    labeler = LabelerDouble(higher_is_better)
    harness = make_harness(store, labeler)
    await harness.loop.restore_model()
    await harness.loop.restore()
    running_loop = asyncio.create_task(harness.loop.run())
    harness.offer(0)
    serving = asyncio.create_task(harness.serve_demands())
    await harness.settle(900, 0)
    lost = labeler.restore(2)
    labeler.append_answer(lost[0], "one")
    async with asyncio.timeout(20):
        with pytest.raises(ExceptionGroup) as raised:
            await running_loop
    serving.cancel()
    assert raised.group_contains(LogWentBackError)
