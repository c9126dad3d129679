"""A labeler that is away or says nothing holds up neither the service nor, in free pacing, the learner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from services.reward import loop as reward_loop
from services.reward.pacing.learner_progress import LearnerProgress
from services.reward.queries.proposals import KnownQuery, Proposal
from somersault.errors import UnavailableError
from somersault.storage import open_store
from tests.services.reward.doubles import LabelerDouble
from tests.services.reward.harness import higher_is_better, make_harness, running

_QUICK = {"first_round_steps": 2, "round_steps": 1, "minibatch_size": 4}


class _Flaky(LabelerDouble):
    """Takes proposals and dies before it says so, or doesn't answer at all."""

    is_away = False
    num_to_lose = 0

    async def propose(self, proposals: Sequence[Proposal]) -> list[str]:
        if self.is_away:
            raise UnavailableError("the labeler is away")
        known = {proposal.proposal_id for proposal in self.proposals}
        await super().propose([each for each in proposals if each.proposal_id not in known])
        if self.num_to_lose:
            self.num_to_lose -= 1
            raise UnavailableError("it took them and died")
        return [proposal.proposal_id for proposal in proposals]


class _Hanging(LabelerDouble):
    """Accepts calls and answers some of them never."""

    hangs = False

    async def propose(self, proposals: Sequence[Proposal]) -> list[str]:
        if self.hangs:
            await asyncio.Event().wait()
        return await super().propose(proposals)

    async def list_queries(self) -> list[KnownQuery]:
        if self.hangs:
            await asyncio.Event().wait()
        return await super().list_queries()


async def _until(is_met: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_met():
            await asyncio.sleep(0.02)


async def test_a_restart_without_the_labeler_serves_the_newest_model() -> None:
    """From its checkpoint, at once, and with the word that a learner in free pacing may go on."""
    store, labeler = open_store("memory://"), _Hanging(higher_is_better)
    before = make_harness(store, labeler, pacing="free", trainer=_QUICK)
    async with running(before):
        before.offer(0)
        for env_steps in (10, 300):
            before.loop.note_progress(LearnerProgress(env_steps=env_steps))
            num_before = before.loop.published.version.number
            await _until(lambda num=num_before: before.loop.published.version.number > num)  # type: ignore[misc]
    version = before.loop.published.version
    labeler.hangs = True
    after = make_harness(store, labeler, pacing="free", trainer=_QUICK)
    await after.loop.restore_model()
    restoring = asyncio.create_task(after.loop.restore())
    await asyncio.sleep(0.05)
    served = after.loop.published.newest
    assert (served.version.number, served.version.weights) == (version.number, version.weights)
    assert served.is_pretrained
    assert served.horizon_env_steps is None
    restoring.cancel()


@pytest.mark.parametrize("pacing", ["free", "lockstep"])
async def test_proposals_that_were_taken_without_a_word_are_sent_again(
    monkeypatch: pytest.MonkeyPatch, pacing: str
) -> None:
    """The same ones, so that no query is asked without being known here."""
    monkeypatch.setattr(reward_loop, "_LOOK_AGAIN_S", 0.05)
    labeler = _Flaky(higher_is_better, is_prompt=False)
    labeler.num_to_lose = 2
    harness = make_harness(open_store("memory://"), labeler, pacing=pacing)
    async with running(harness):
        harness.offer(0)
        harness.loop.note_progress(LearnerProgress(env_steps=10, newest_sequences={"sim": 0}))
        async with asyncio.timeout(10):
            while not harness.loop.tracker.num_open:
                await asyncio.sleep(0.02)
        assert labeler.num_to_lose == 0
        assert harness.loop.tracker.num_open == len(labeler.proposals)
