"""Several answers a query: as many as were wanted, from as many labelers, blind, and one more on disagreement."""

from __future__ import annotations

import pytest

from somersault.domain.roles import Role
from somersault.errors import InvalidInputError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.judging import LEFT, RIGHT, answer, update_run
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, proposal, refused, submit


async def test_a_query_is_leased_to_as_many_as_it_wants(labeler: RunningLabeler) -> None:
    """Of three who ask at once two get it, none of them twice; the third gets it when one gives it back."""
    await update_run(labeler, target_answers=2)
    await labeler.propose("a")
    one, two, three = [await labeler.new_labeler() for _ in range(3)]
    (first,), (second,) = await lease(one), await lease(two)
    assert first.query.query_id == second.query.query_id
    assert (await lease(three), await lease(one)) == ([], [])
    await one.ReleaseQuery(pb.ReleaseQueryRequest(lease_token=first.lease_token))
    assert len(await lease(three)) == 1
    assert await lease(one) == []


async def test_the_log_says_when_a_query_has_all_its_answers(labeler: RunningLabeler) -> None:
    """Each answer is a row with its number among those wanted."""
    await update_run(labeler, target_answers=2)
    await labeler.propose("a")
    await answer(await labeler.new_labeler(), "a1")
    assert (await labeler.stats()).num_answered == 0
    await answer(await labeler.new_labeler(), "a2")
    assert [(row.answer_number, row.target_answers) for row in await labeler.log()] == [(1, 2), (2, 2)]
    stats = await labeler.stats()
    assert (stats.num_answered, stats.num_ready, stats.num_left) == (1, 0, 2)


async def test_answers_past_those_wanted_are_extras(labeler: RunningLabeler) -> None:
    """A late third answer is kept, and counts nowhere."""
    await update_run(labeler, target_answers=2)
    await labeler.propose("a")
    late = await labeler.new_labeler()
    (stale,) = await lease(late, lease_s=1)
    for name in ("a1", "a2"):
        stub = await labeler.new_labeler()
        (held,) = await lease(stub, wait_s=5)
        await submit(stub, held.lease_token, name)
    record = await submit(late, stale.lease_token, "late", RIGHT)
    assert (record.is_extra, record.answer_number) == (True, 0)
    assert (await labeler.stats()).num_right == 0


async def test_disagreement_wants_one_more_once(labeler: RunningLabeler) -> None:
    """Left and right: a third is asked, and no fourth, whatever it says."""
    await update_run(labeler, target_answers=2, asks_again_on_disagreement=True)
    await labeler.propose("a")
    stubs = [await labeler.new_labeler() for _ in range(4)]
    for number, preference in enumerate((LEFT, RIGHT, preference_pb2.PREFERENCE_EQUAL)):
        await answer(stubs[number], f"a{number}", preference)
    assert await lease(stubs[3]) == []
    rows = await labeler.log()
    assert [(row.answer_number, row.target_answers) for row in rows] == [(1, 2), (2, 3), (3, 3)]


async def test_agreement_wants_no_more(labeler: RunningLabeler) -> None:
    """Though the run would ask again."""
    await update_run(labeler, target_answers=2, asks_again_on_disagreement=True)
    await labeler.propose("a")
    for name in ("a1", "a2"):
        await answer(await labeler.new_labeler(), name)
    assert await lease(await labeler.new_labeler()) == []


async def test_a_proposal_may_want_another_number(labeler: RunningLabeler) -> None:
    """Two for this one, though the run says one."""
    wanted = proposal("a")
    wanted.target_answers = 2
    request = pb.ProposeQueriesRequest(run_id=RUN_ID, proposals=[wanted])
    await labeler.as_role(Role.SERVICE).ProposeQueries(request)
    await answer(await labeler.new_labeler(), "a1")
    assert len(await lease(await labeler.new_labeler())) == 1


async def test_a_changed_run_asks_otherwise_from_then_on(labeler: RunningLabeler) -> None:
    """Earlier queries want what they wanted; what a request leaves out stays."""
    await labeler.propose("early")
    await update_run(labeler, target_answers=3)
    run = await update_run(labeler, gold_interval=7)
    assert (run.target_answers, run.gold_interval, run.asks_again_on_disagreement) == (3, 7, False)
    await labeler.propose("late")
    request = pb.ListQueriesRequest(run_id=RUN_ID)
    queries = (await labeler.as_role(Role.OWNER).ListQueries(request)).queries
    assert [query.target_answers for query in queries] == [3, 1]


async def test_labelers_are_blind(labeler: RunningLabeler) -> None:
    """Neither a lease nor the stats nor its own reply tells a person what others said, or how many."""
    await update_run(labeler, target_answers=2)
    await labeler.propose("a")
    await answer(await labeler.new_labeler(), "a1")
    (held,) = await lease(labeler.as_role(Role.TEACHER))
    assert (held.query.target_answers, held.query.num_answers) == (0, 0)
    stats = await labeler.as_role(Role.LABELER).GetStats(pb.GetStatsRequest(run_id=RUN_ID))
    assert (stats.num_left, stats.num_right, stats.num_last_hour) == (0, 0, 1)


@pytest.mark.parametrize("settings", [{"target_answers": 0}, {"target_answers": 11}, {"gold_interval": 1001}])
async def test_settings_out_of_bounds_are_refused(labeler: RunningLabeler, settings: dict[str, int]) -> None:
    """And the run stays as it was."""
    request = pb.UpdateRunRequest(run_id=RUN_ID, **settings)
    assert isinstance(await refused(labeler.as_role(Role.OWNER).UpdateRun(request)), InvalidInputError)


async def test_agreement_is_counted_as_answers_come_and_change(labeler: RunningLabeler) -> None:
    """LL and LR: 1 of 2 pairs; n = 4, n_L = 3, o_LL = 2, alpha = 1 - 3 (4 - 2) / (16 - 10) = 0. Then LL, LL."""
    await update_run(labeler, target_answers=2)
    await labeler.propose("a", "b")
    one, two = await labeler.new_labeler(), await labeler.new_labeler()
    for stub, answers in ((one, (LEFT, LEFT)), (two, (LEFT, RIGHT))):
        for number, preference in enumerate(answers):
            await answer(stub, f"{id(stub)}-{number}", preference)
    owner, request = labeler.as_role(Role.OWNER), pb.GetAgreementRequest(run_id=RUN_ID)
    found = await owner.GetAgreement(request)
    assert (found.num_queries, found.num_pairs, found.pairwise_agreement) == (2, 2, 0.5)
    assert found.krippendorff_alpha == pytest.approx(0.0)
    changed = pb.RevisePreferenceRequest(answer_id=f"{id(two)}-1", version=2, preference=LEFT)
    await two.RevisePreference(changed)
    found = await owner.GetAgreement(request)
    assert (found.num_queries, found.pairwise_agreement) == (2, 1.0)
    assert not found.HasField("krippendorff_alpha")
