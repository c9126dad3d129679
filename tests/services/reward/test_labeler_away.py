"""A labeler that is away or says nothing holds up neither the service nor, in free pacing, the learner."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.reward import loop as reward_loop
from services.reward.pacing.learner_progress import LearnerProgress
from services.reward.queries.proposals import Proposal
from somersault.errors import UnavailableError
from somersault.storage import open_store
from tests.services.reward.doubles import LabelerDouble
from tests.services.reward.harness import higher_is_better, make_harness, running


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
