"""A run that begins with other runs' answers: learned at once, none asked again, the counts right in both pacings."""

from __future__ import annotations

import pytest

from services.reward.feedback.preference_log import Answer
from services.reward.queries.proposals import Proposal
from somersault.storage import ObjectStore, open_store
from tests.services.reward.doubles import LabelerDouble, make_segment, place_of, store_segment
from tests.services.reward.harness import Harness, higher_is_better, make_harness, running


@pytest.fixture
def store() -> ObjectStore:
    return open_store("memory://")


def _given(store: ObjectStore, num_given: int, *, prefix: str = "given") -> LabelerDouble:
    """A labeler whose log holds answers from elsewhere, with their segments in the store."""
    labeler = LabelerDouble(higher_is_better)
    for number in range(num_given):
        names = [f"{prefix}{number}{side}-{level}" for side, level in (("f", number % 3), ("s", 4))]
        for name in names:
            store_segment(store, make_segment(name, float(name[-1])))
        proposal = Proposal(
            proposal_id=f"q{number}", first=place_of(names[0]), second=place_of(names[1]), wants_clips=False
        )
        labeler.proposals.append(proposal)
        labeler.append_answer(proposal, "elsewhere")
    return labeler


def _harness(store: ObjectStore, num_given: int, **settings: object) -> Harness:
    return make_harness(store, _given(store, num_given), num_given_labels=num_given, **settings)


def _asked(harness: Harness) -> int:
    return len(harness.labeler.proposals)


async def test_in_lockstep_only_the_rest_is_asked(store: ObjectStore) -> None:
    """Of 10 labels 6 are given: learned by the first step, and the other 4 spread evenly up to step 600."""
    harness = _harness(store, 6)
    async with running(harness):
        harness.offer(0)
        await harness.settle(1, 0)
        assert (_asked(harness), harness.loop.tracker.num_answered) == (6, 6)
        assert harness.loop.published.version.num_comparisons == 6
        await harness.settle(300, 0)
        assert (_asked(harness), harness.loop.num_due, harness.loop.num_awaited) == (8, 8, 0)
        await harness.settle(900, 0)
        assert (_asked(harness), harness.loop.tracker.num_answered) == (10, 10)
        assert harness.loop.published.version.num_comparisons == 10


async def test_with_as_many_given_as_there_may_be_nothing_is_asked() -> None:
    """Not in lockstep and not in free pacing, which learns before the learner has made a step and never holds it."""
    for pacing in ("lockstep", "free"):
        harness = _harness(open_store("memory://"), 10, pacing=pacing, max_label_lag="auto")
        async with running(harness):
            harness.offer(0)
            await harness.settle(900, 0)
            assert (_asked(harness), harness.loop.num_awaited) == (10, 0)
            assert harness.loop.published.version.num_comparisons == 10


async def test_in_free_pacing_only_the_rest_is_asked(store: ObjectStore) -> None:
    """Queries are kept ready ahead of need, and there are never more than the budget."""
    harness = _harness(store, 6, pacing="free", num_ready_queries=2)
    async with running(harness):
        harness.offer(0)
        await harness.settle(1, 0)
        assert 6 <= _asked(harness) <= 8
        await harness.settle(900, 0)
        async for _ in harness.loop.published.watch():
            if harness.loop.tracker.num_answered >= 10:
                break
        assert _asked(harness) == 10


async def test_fewer_than_the_first_share_are_filled_up(store: ObjectStore) -> None:
    """One of the four that come first is there, three are asked at once, and all four learned together."""
    harness = _harness(store, 1)
    async with running(harness):
        harness.offer(0)
        await harness.settle(1, 0)
        assert _asked(harness) == 4
        assert harness.loop.published.version.number == 1
        assert harness.loop.published.version.num_comparisons == 4


async def test_what_was_given_is_no_test_of_the_reward_model(store: ObjectStore) -> None:
    """Accuracy is over the run's own answers; without any there is none."""
    harness = _harness(store, 6)
    async with running(harness):
        harness.offer(0)
        await harness.settle(1, 0)
        assert (harness.learner.preference_accuracy, harness.learner.num_accuracy_preferences) == (None, 0)
        await harness.settle(900, 0)
        assert harness.learner.num_accuracy_preferences == 4


async def test_names_of_given_segments_change_nothing(store: ObjectStore) -> None:
    """The same answers under other names, before and after the run's own in the alphabet, teach the same."""
    weights = []
    for prefix in ("a", "z"):
        own = open_store("memory://")
        harness = make_harness(own, _given(own, 1, prefix=prefix), num_given_labels=1)
        async with running(harness):
            harness.offer(0)
            await harness.settle(1, 0)
            weights.append(harness.loop.published.version.weights)
    assert weights[0] == weights[1]


async def test_answers_to_given_queries_are_marked(store: ObjectStore) -> None:
    """Later answers to such a query, too."""
    harness = _harness(store, 2)
    harness.labeler.append_answer(harness.labeler.proposals[0], "another")
    follower = harness.loop._follower
    await follower.catch_up(until=3)
    rows = [row for row in follower.backlog.rows() if isinstance(row, Answer)]
    assert [(row.labeler_id, row.is_given) for row in rows] == [
        ("elsewhere", True),
        ("elsewhere", True),
        ("another", True),
    ]
