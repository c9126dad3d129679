"""Which queries with clips an owner looks at: by labeler, by answer, answered alone, disagreements first."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from somersault.domain.roles import Role
from somersault.errors import InvalidInputError
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.judging import LEFT, RIGHT, update_run
from tests.services.labeler.running import (
    RUN_ID,
    RunningLabeler,
    SimulatorDouble,
    lease,
    proposal,
    refused,
    running_labeler,
    serving_simulator,
    submit,
    until,
)

EQUAL, INCOMPARABLE = preference_pb2.PREFERENCE_EQUAL, preference_pb2.PREFERENCE_INCOMPARABLE
PREDICTED = {"a": 0.0, "b": 3.0, "c": 9.0, "d": 9.0, "e": None, "f": 5.0}
"""By how much the first segment was predicted to be better than the second; None without a prediction."""
ANSWERS = {
    # what the first and the second labeler said of each: 1 prefers the first segment, 2 the second
    "a": ("1", "2"),
    "b": ("2", "2"),
    "c": ("2", "2"),
    "d": ("1", "1"),
    "e": ("=", "?"),
    "f": (),
}


@contextlib.asynccontextmanager
async def _answered(folder: Path) -> AsyncIterator[tuple[RunningLabeler, dict[str, str], list[str]]]:
    """Serve a labeler with what is above; give also the name of each query and the two labelers."""
    double = SimulatorDouble(open_store(file_url(folder / "objects")))
    async with (
        serving_simulator(double) as address,
        running_labeler(folder, simulator_addresses=address) as labeler,
    ):
        await labeler.create_run()
        await update_run(labeler, target_answers=2)
        request = pb.ProposeQueriesRequest(run_id=RUN_ID, proposals=map(_proposal, PREDICTED))
        query_ids = (await labeler.as_role(Role.SERVICE).ProposeQueries(request)).query_ids
        names = dict(zip(query_ids, PREDICTED, strict=True))

        async def are_drawn() -> bool:
            return (await labeler.stats()).num_ready == len(names)

        await until(are_drawn)
        labelers = [await _answer(labeler, names, turn) for turn in range(2)]
        yield labeler, names, labelers


def _proposal(name: str) -> pb.Proposal:
    message = proposal(name, wants_clips=True)
    if PREDICTED[name] is not None:
        message.first_predicted_rewards.extend([PREDICTED[name], 0.0])
        message.second_predicted_rewards.extend([0.0])
    return message


async def _answer(labeler: RunningLabeler, names: dict[str, str], turn: int) -> str:
    """Have a labeler answer as it is written; return its name."""
    stub = await labeler.new_labeler()
    for held in await lease(stub, count=10):
        name = names[held.query.query_id]
        if not ANSWERS[name]:
            continue
        side = {"=": EQUAL, "?": INCOMPARABLE}.get(ANSWERS[name][turn])
        if side is None:
            wanted = {"1": "first", "2": "second"}[ANSWERS[name][turn]]
            side = LEFT if held.query.left.segment_id.endswith(wanted) else RIGHT
        await submit(stub, held.lease_token, f"{name}{turn}", side)
    return (await stub.WhoAmI(pb.WhoAmIRequest())).labeler_id


async def _list(labeler: RunningLabeler, **chosen: Any) -> pb.ListClipsResponse:
    request = pb.ListClipsRequest(run_id=RUN_ID, **chosen)
    reply: pb.ListClipsResponse = await labeler.as_role(Role.OWNER).ListClips(request)
    return reply


async def test_queries_are_chosen_and_ordered(tmp_path: Path) -> None:
    """Each filter by itself and with others, newest first or disagreements first, in one page or in many."""
    async with _answered(tmp_path) as (labeler, names, (first, second)):

        async def chosen(**how: Any) -> str:
            return "".join(names[each.query.query_id] for each in (await _list(labeler, **how)).queries)

        async def paged(**how: Any) -> str:
            found, token = "", None
            while token != "":
                reply = await _list(labeler, page_size=2, page_token=token or "", **how)
                found += "".join(names[each.query.query_id] for each in reply.queries)
                token = reply.next_page_token
            return found

        assert await chosen() == "fedcba"
        assert await chosen(is_answered=True) == "edcba"
        assert await chosen(preference=EQUAL) == "e"
        assert await chosen(preference=INCOMPARABLE) == "e"
        assert await chosen(labeler_id=first) == await chosen(labeler_id=second) == "edcba"
        assert await chosen(labeler_id=first, preference=EQUAL) == "e"
        assert await chosen(labeler_id=second, preference=EQUAL) == ""
        assert await chosen(labeler_id="labeler") == ""
        left = "".join(
            names[each.query.query_id]
            for each in (await _list(labeler)).queries
            if LEFT in {answer.preference for answer in each.answers}
        )
        assert await chosen(preference=LEFT) == left

        # a and e differ, the newer first; c is more surely mispredicted than b; d was foretold, f is unanswered
        by_disagreement = {"order": pb.CLIP_ORDER_DISAGREEMENT}
        assert await chosen(**by_disagreement) == await paged(**by_disagreement) == "eacbfd"
        assert await chosen(**by_disagreement, is_answered=True) == "eacbd"
        assert await paged(**by_disagreement, labeler_id=first) == "eacbd"
        assert await paged() == "fedcba"


@pytest.mark.parametrize(
    ("how", "field"),
    [
        ({"order": 7}, "order"),
        ({"preference": 9}, "preference"),
        ({"page_token": "1_2"}, "page_token"),
        ({"page_token": "0_nan_3", "order": 1}, "page_token"),
        ({"page_token": "3", "order": 1}, "page_token"),
        ({"page_size": -1}, "page_size"),
    ],
)
async def test_malformed_choices_are_refused(
    labeler: RunningLabeler, how: dict[str, Any], field: str
) -> None:
    """INVALID_ARGUMENT that names the field."""
    error = await refused(_list(labeler, **how))
    assert isinstance(error, InvalidInputError)
    assert field in str(error)


async def test_the_audit_log_without_services(labeler: RunningLabeler) -> None:
    """What people did is not buried under what the machine does."""
    await labeler.propose("a")
    await update_run(labeler, target_answers=2)
    owner = labeler.as_role(Role.OWNER)
    every, peoples = [
        (await owner.ListAuditLog(pb.ListAuditLogRequest(run_id=RUN_ID, is_without_services=flag))).entries
        for flag in (False, True)
    ]
    assert [entry.action for entry in every] == ["UpdateRun", "ProposeQueries", "CreateRun"]
    assert [entry.action for entry in peoples] == ["UpdateRun"]
