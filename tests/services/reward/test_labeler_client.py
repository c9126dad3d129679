"""The reward service as a client of a real labeler."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from services.reward.feedback.preference_log import Answer, LogPosition, LogRow, WeightChange
from services.reward.labeler_client import LabelerClient
from services.reward.monitoring.progress_report import RunControls
from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.judging import answer
from tests.services.labeler.running import RUN_ID, TOKENS, RunningLabeler, lease, running_labeler, submit

LEFT, RIGHT = preference_pb2.PREFERENCE_LEFT, preference_pb2.PREFERENCE_RIGHT


async def _weigh(labeler: RunningLabeler, weight: float) -> None:
    request = pb.SetLabelerWeightRequest(run_id=RUN_ID, labeler_id="teacher", weight=weight, reason="asleep")
    await labeler.as_role(Role.OWNER).SetLabelerWeight(request)


async def test_the_answer_that_fills_its_query_is_known_by_the_log(tmp_path: Path) -> None:
    """Of a query of two answers that is asked again on disagreement: the third, not the first or the second."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        settings = pb.UpdateRunRequest(run_id=RUN_ID, target_answers=2, asks_again_on_disagreement=True)
        await labeler.as_role(Role.OWNER).UpdateRun(settings)
        await labeler.propose("a")
        for number, preference in enumerate((LEFT, RIGHT, LEFT)):
            stub = await labeler.new_labeler()
            (held,) = await lease(stub)
            await submit(stub, held.lease_token, f"a{number}", preference)
        client = LabelerClient(labeler.address, token=TOKENS[Role.SERVICE], run_id=RUN_ID)
        async with asyncio.timeout(10), contextlib.aclosing(client.watch(LogPosition())) as log:
            rows = await anext(log)
        await client.close()
    assert [(row.answer_id, row.fills_query) for row in rows if isinstance(row, Answer)] == [
        ("a0", False),
        ("a1", False),
        ("a2", True),
    ]


async def test_the_log_is_followed_with_changes_of_weight(tmp_path: Path) -> None:
    """Answers and changes come in the order of the log, and each answer says whose it is."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        await labeler.propose("a", "b")
        await answer(labeler.as_role(Role.TEACHER), "a1")
        await _weigh(labeler, 0)
        await _weigh(labeler, 0.5)
        await answer(labeler.as_role(Role.TEACHER), "a2")
        client = LabelerClient(labeler.address, token=TOKENS[Role.SERVICE], run_id=RUN_ID)
        rows: list[LogRow] = []
        async with asyncio.timeout(10), contextlib.aclosing(client.watch(LogPosition())) as log:
            async for page in log:
                rows += page
                if len(rows) == 4:
                    break
        assert await client.newest_cursor() == 4
        await client.close()
    first, excluded, halved, second = rows
    assert isinstance(first, Answer)
    assert isinstance(second, Answer)
    assert (first.answer_id, first.labeler_id, second.answer_id) == ("a1", "teacher", "a2")
    names = [row.commit_id for row in rows]
    assert len(set(names)) == 4
    assert excluded == WeightChange(cursor=2, labeler_id="teacher", weight=0.0, commit_id=names[1])
    assert halved == WeightChange(cursor=3, labeler_id="teacher", weight=0.5, commit_id=names[2])


async def test_what_failed_was_withdrawn_or_skipped_is_told_apart(tmp_path: Path) -> None:
    """An open query says how many skipped it; a withdrawn one is gone, and is neither leased nor counted as leased."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        skipped, withdrawn, other = await labeler.propose("a", "b", "c")
        for stub in (await labeler.new_labeler(), await labeler.new_labeler()):
            (held,) = await lease(stub)
            await stub.ReleaseQuery(pb.ReleaseQueryRequest(lease_token=held.lease_token))
        taken = [(await lease(await labeler.new_labeler()))[0].query.query_id for _ in range(2)]
        client = LabelerClient(labeler.address, token=TOKENS[Role.SERVICE], run_id=RUN_ID)
        assert await client.withdraw([withdrawn]) == [withdrawn]
        waiting = {query.query_id: query.num_skips for query in await client.list_open()}
        gone = [query.query_id for query in await client.list_gone()]
        every = [query.query_id for query in await client.list_queries()]
        await client.close()
        stats = await labeler.stats()
    assert withdrawn in taken
    assert waiting == {skipped: 2, other: 0}
    assert (gone, every) == ([withdrawn], [skipped, withdrawn, other])
    assert stats.num_rendering + stats.num_ready + stats.num_leased == 2


async def test_a_returned_query_is_not_skipped(tmp_path: Path) -> None:
    """A page gave it back when it closed, which says nothing of whether it can be judged."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        await labeler.propose("a")
        stub = await labeler.new_labeler()
        (held,) = await lease(stub)
        await stub.ReleaseQuery(pb.ReleaseQueryRequest(lease_token=held.lease_token, is_returned=True))
        client = LabelerClient(labeler.address, token=TOKENS[Role.SERVICE], run_id=RUN_ID)
        assert [query.num_skips for query in await client.list_open()] == [0]
        await client.close()


async def test_what_the_owner_wants_can_be_asked_without_a_report(tmp_path: Path) -> None:
    """However often it is asked, nothing is added to the learning curves."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        client = LabelerClient(labeler.address, token=TOKENS[Role.SERVICE], run_id=RUN_ID)
        owner = labeler.as_role(Role.OWNER)
        assert await client.get_controls() == await client.wait_for_controls() == RunControls()
        await owner.UpdateRun(pb.UpdateRunRequest(run_id=RUN_ID, label_budget=7, is_finishing=True))
        await owner.UpdateRun(pb.UpdateRunRequest(run_id=RUN_ID, is_paused=True))
        assert await client.get_controls() == RunControls(is_paused=True, label_budget=7, is_finishing=True)
        await client.close()
        curves = await owner.GetRunProgress(pb.GetRunProgressRequest(run_id=RUN_ID))
    assert not curves.points
