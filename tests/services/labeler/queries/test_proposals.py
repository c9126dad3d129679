"""Runs and queries: named once, listed, counted, taken back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.labeler.queries.sides import draw_is_swapped
from somersault.domain.roles import Role
from somersault.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.running import (
    RUN_ID,
    RunningLabeler,
    lease,
    proposal,
    refused,
    stored_segment,
    submit,
)


def _propose(labeler: RunningLabeler, *proposals: pb.Proposal, run_id: str = RUN_ID) -> Any:
    request = pb.ProposeQueriesRequest(run_id=run_id, proposals=proposals)
    return labeler.as_role(Role.SERVICE).ProposeQueries(request)


def _withdraw(labeler: RunningLabeler, *query_ids: str) -> Any:
    request = pb.WithdrawQueriesRequest(run_id=RUN_ID, query_ids=query_ids)
    return labeler.as_role(Role.SERVICE).WithdrawQueries(request)


async def test_a_repeated_proposal_is_the_same_query(labeler: RunningLabeler) -> None:
    """Also beside new ones, in the order of the request."""
    first = await labeler.propose("a", "b")
    again = await labeler.propose("b", "c", "a")
    assert (again[0], again[2]) == (first[1], first[0])
    assert len({*first, *again}) == 3


async def test_a_proposal_id_names_one_pair(labeler: RunningLabeler) -> None:
    """Another pair under it is refused, and nothing of that request is kept."""
    await labeler.propose("a")
    other = proposal("b")
    other.proposal_id = "a"
    assert isinstance(await refused(_propose(labeler, proposal("c"), other)), AlreadyExistsError)
    listed = await labeler.as_role(Role.OWNER).ListQueries(pb.ListQueriesRequest(run_id=RUN_ID))
    assert len(listed.queries) == 1


async def test_a_segment_id_names_one_segment(labeler: RunningLabeler) -> None:
    """The same name with another duration is refused; the same segment in two pairs is not."""
    await labeler.propose("a")
    shared = pb.Proposal(proposal_id="b", first=stored_segment("a-first"), second=stored_segment("x"))
    await _propose(labeler, shared)
    moved = pb.Proposal(proposal_id="c", first=stored_segment("a-first"), second=stored_segment("y"))
    moved.first.duration_s = 9.5
    assert isinstance(await refused(_propose(labeler, moved)), AlreadyExistsError)


@pytest.mark.parametrize("field", ["segment_uri", "sealed_uri"])
async def test_a_proposal_never_chooses_a_key(labeler: RunningLabeler, field: str) -> None:
    """Not even another object of the same run: what a teacher, a simulator or the reward service would then read."""
    for key in ("elsewhere", f"{RUN_ID}/checkpoints/learner/000000000001.safetensors", "../tokens.json"):
        moved = proposal("a")
        setattr(moved.second, field, key)
        error = await refused(_propose(labeler, moved))
        assert isinstance(error, InvalidInputError)
        assert field in str(error)


async def test_an_unknown_run_takes_no_queries(labeler: RunningLabeler) -> None:
    """CreateRun comes first."""
    assert isinstance(
        await refused(_propose(labeler, proposal("a", run_id="run-9"), run_id="run-9")), NotFoundError
    )


def test_sides_are_drawn_evenly_and_for_good() -> None:
    """About half of 2,000 names are swapped (five standard deviations are 112), always the same ones."""
    drawn = [draw_is_swapped(f"p{i}") for i in range(2000)]
    assert 888 < sum(drawn) < 1112
    assert drawn == [draw_is_swapped(f"p{i}") for i in range(2000)]


async def test_the_drawn_side_is_shown_and_logged(labeler: RunningLabeler) -> None:
    """What a labeler sees on the left is on the left in the log."""
    names = [f"p{i}" for i in range(8)]
    await labeler.propose(*names)
    leased = await lease(labeler.as_role(Role.TEACHER), count=8)
    lefts = [one.query.left.segment_id for one in leased]
    assert lefts == [f"{name}-{'second' if draw_is_swapped(name) else 'first'}" for name in names]
    assert len({left.split("-")[1] for left in lefts}) == 2


async def test_withdrawn_queries_are_not_leased(labeler: RunningLabeler) -> None:
    """An answered one stays; withdrawing twice is the same as once."""
    query_ids = await labeler.propose("a", "b", "c")
    teacher = labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher)
    await submit(teacher, held.lease_token, "a1")
    for _ in range(2):
        response = await _withdraw(labeler, *query_ids)
        assert list(response.withdrawn_query_ids) == query_ids[1:]
    assert await lease(teacher) == []


async def test_a_query_withdrawn_while_leased_may_still_be_answered(labeler: RunningLabeler) -> None:
    """The work of who had it is not thrown away."""
    query_ids = await labeler.propose("a")
    teacher = labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher)
    await _withdraw(labeler, *query_ids)
    assert not (await submit(teacher, held.lease_token, "a1")).is_extra
    assert (await labeler.stats()).num_answered == 1


async def test_an_ended_lease_of_a_withdrawn_query_does_not_count(labeler: RunningLabeler) -> None:
    """Nobody waits for it any more: it is kept as an extra."""
    query_ids = await labeler.propose("a")
    teacher = labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher, lease_s=1)
    await _withdraw(labeler, *query_ids)
    await asyncio.sleep(1.1)
    assert (await submit(teacher, held.lease_token, "a1")).is_extra


async def test_another_runs_queries_can_not_be_withdrawn(labeler: RunningLabeler) -> None:
    """They are not found in this one."""
    await labeler.create_run("run-2")
    query_ids = await labeler.propose("a", run_id="run-2")
    assert isinstance(await refused(_withdraw(labeler, *query_ids)), NotFoundError)


async def test_queries_are_listed_newest_first_by_pages(labeler: RunningLabeler) -> None:
    """Five queries in pages of two: 2, 2, 1."""
    query_ids = await labeler.propose(*"abcde")
    pages, token = [], ""
    while True:
        request = pb.ListQueriesRequest(run_id=RUN_ID, page_size=2, page_token=token)
        response = await labeler.as_role(Role.SERVICE).ListQueries(request)
        pages.append([query.query_id for query in response.queries])
        token = response.next_page_token
        if not token:
            break
    newest_first = query_ids[::-1]
    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]


async def test_queries_are_listed_by_state(labeler: RunningLabeler) -> None:
    """Only those in it."""
    await labeler.propose("a")
    (waiting,) = await labeler.propose("b", wants_clips=True)
    request = pb.ListQueriesRequest(run_id=RUN_ID, state=preference_pb2.QUERY_STATE_RENDERING)
    response = await labeler.as_role(Role.SERVICE).ListQueries(request)
    assert [query.query_id for query in response.queries] == [waiting]


async def test_stats_count_each_query_once(labeler: RunningLabeler) -> None:
    """Of five: one waits for clips, two are ready, one is leased, one answered."""
    await labeler.propose("a", "b", "c", "d")
    await labeler.propose("e", wants_clips=True)
    teacher = labeler.as_role(Role.TEACHER)
    held, _ = await lease(teacher, count=2)
    await submit(teacher, held.lease_token, "a1", preference_pb2.PREFERENCE_EQUAL)
    stats = await teacher.GetStats(pb.GetStatsRequest(run_id=RUN_ID))
    assert (stats.num_rendering, stats.num_ready, stats.num_leased, stats.num_answered) == (1, 2, 1, 1)
    assert (stats.num_left, stats.num_right, stats.num_equal, stats.num_incomparable) == (0, 0, 1, 0)
    assert (stats.num_last_hour, stats.num_own, stats.newest_cursor) == (1, 1, 1)
    assert stats.question == "Which is better?"
    assert (await labeler.stats()).num_own == 0


async def test_a_runs_question_can_be_changed(labeler: RunningLabeler) -> None:
    """CreateRun again changes what labelers are asked, and nothing else."""
    await labeler.propose("a")
    await labeler.create_run(question="Which one rolls backwards?")
    (held,) = await lease(labeler.as_role(Role.TEACHER))
    assert held.query.question == "Which one rolls backwards?"


@pytest.mark.parametrize(
    "broken",
    [
        pb.Proposal(),
        pb.Proposal(proposal_id="a/b", first=stored_segment("x"), second=stored_segment("y")),
        pb.Proposal(proposal_id="a", first=stored_segment("x"), second=stored_segment("x")),
        pb.Proposal(proposal_id="a", first=stored_segment("x")),
    ],
)
async def test_malformed_proposals_are_refused(labeler: RunningLabeler, broken: pb.Proposal) -> None:
    """And nothing beside them is kept."""
    assert isinstance(await refused(_propose(labeler, proposal("fine"), broken)), InvalidInputError)
    assert (await labeler.stats()).num_ready == 0


async def test_bounds_on_requests(labeler: RunningLabeler) -> None:
    """Too many, too few, too long, twice the same, or a token of nobody's."""
    service = labeler.as_role(Role.SERVICE)
    for call in (
        _propose(labeler),
        _propose(labeler, *(proposal(f"p{i}") for i in range(257))),
        _propose(labeler, proposal("a"), proposal("a")),
        _withdraw(labeler),
        service.CreateRun(pb.CreateRunRequest(run_id="run 1", task="t", question="?")),
        service.CreateRun(pb.CreateRunRequest(run_id="r", task="a b", question="?")),
        service.CreateRun(pb.CreateRunRequest(run_id="r", task="t", question="?" * 2001)),
        service.ListQueries(pb.ListQueriesRequest(run_id=RUN_ID, page_size=1001)),
        service.ListQueries(pb.ListQueriesRequest(run_id=RUN_ID, page_token="next")),
    ):
        assert isinstance(await refused(call), InvalidInputError)


async def test_a_run_may_be_of_any_gymnasium_id(labeler: RunningLabeler) -> None:
    """With a module and a namespace, which run through but failed at the labeler."""
    request = pb.CreateRunRequest(run_id="pong-1", task="ale_py:ALE/Pong-v5", question="?")
    await labeler.as_role(Role.SERVICE).CreateRun(request)
    listed = await labeler.as_role(Role.OWNER).ListRuns(pb.ListRunsRequest())
    assert "ale_py:ALE/Pong-v5" in {run.task for run in listed.runs}
