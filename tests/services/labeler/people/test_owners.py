"""What owners do: tokens, guidelines, lists, and the audit log of it all."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from somersault.domain.roles import Role
from somersault.errors import FailedPreconditionError, InvalidInputError, NotFoundError, UnauthenticatedError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from tests.services.labeler.judging import answer, update_run
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, refused, running_labeler


async def _invite(
    labeler: RunningLabeler, role: int = preference_pb2.ROLE_TEACHER
) -> pb.CreateLabelerResponse:
    request = pb.CreateLabelerRequest(name="Ada", role=role)  # type: ignore[arg-type]
    return await labeler.as_role(Role.OWNER).CreateLabeler(request)


async def _audit(labeler: RunningLabeler, **wanted: Any) -> list[pb.AuditEntry]:
    response = await labeler.as_role(Role.OWNER).ListAuditLog(pb.ListAuditLogRequest(**wanted))
    return list(response.entries)


async def test_a_revoked_token_ends_at_once(labeler: RunningLabeler) -> None:
    """Also one that was just used; its live lease ends with it, its answers stay."""
    await labeler.propose("a", "b")
    ada = await _invite(labeler)
    await answer(labeler.as_token(ada.token), "a1")
    assert await lease(labeler.as_token(ada.token))
    await labeler.as_role(Role.OWNER).RevokeToken(pb.RevokeTokenRequest(labeler_id=ada.labeler_id))
    call = labeler.as_token(ada.token).WhoAmI(pb.WhoAmIRequest())
    assert isinstance(await refused(call), UnauthenticatedError)
    assert len(await lease(labeler.as_role(Role.TEACHER))) == 1
    assert [row.labeler_id for row in await labeler.log()] == [ada.labeler_id]


async def test_a_rotated_token_replaces_the_old(labeler: RunningLabeler) -> None:
    """The labeler stays who it was, revoked or not."""
    ada, owner = await _invite(labeler), labeler.as_role(Role.OWNER)
    await owner.RevokeToken(pb.RevokeTokenRequest(labeler_id=ada.labeler_id))
    new = (await owner.RotateToken(pb.RotateTokenRequest(labeler_id=ada.labeler_id))).token
    assert (await labeler.as_token(new).WhoAmI(pb.WhoAmIRequest())).labeler_id == ada.labeler_id
    call = labeler.as_token(ada.token).WhoAmI(pb.WhoAmIRequest())
    assert isinstance(await refused(call), UnauthenticatedError)


async def test_the_last_owner_stays(labeler: RunningLabeler) -> None:
    """Until there is another one."""
    request = pb.RevokeTokenRequest(labeler_id="owner")
    assert isinstance(
        await refused(labeler.as_role(Role.OWNER).RevokeToken(request)), FailedPreconditionError
    )
    other = labeler.as_token((await _invite(labeler, preference_pb2.ROLE_OWNER)).token)
    await other.RevokeToken(request)
    assert isinstance(await refused(labeler.stats()), UnauthenticatedError)


async def test_labelers_are_listed_by_page(labeler: RunningLabeler) -> None:
    """By name, with when each was revoked, and no token."""
    ada = await _invite(labeler)
    await labeler.as_role(Role.OWNER).RevokeToken(pb.RevokeTokenRequest(labeler_id=ada.labeler_id))
    names, token = [], ""
    while True:
        request = pb.ListLabelersRequest(page_size=2, page_token=token)
        page = await labeler.as_role(Role.OWNER).ListLabelers(request)
        names += [(one.labeler_id, one.HasField("revoke_time")) for one in page.labelers]
        token = page.next_page_token
        if not token:
            break
    expected = [*((role.value, False) for role in Role), (ada.labeler_id, True)]
    assert names == sorted(expected)


async def test_runs_are_listed_newest_first(labeler: RunningLabeler) -> None:
    """A page at a time, with how they ask."""
    await labeler.create_run("run-2")
    await labeler.create_run("run-3")
    owner = labeler.as_role(Role.OWNER)
    first = await owner.ListRuns(pb.ListRunsRequest(page_size=2))
    rest = await owner.ListRuns(pb.ListRunsRequest(page_size=2, page_token=first.next_page_token))
    assert [run.run_id for run in (*first.runs, *rest.runs)] == ["run-3", "run-2", "run-1"]
    assert rest.next_page_token == ""
    assert (first.runs[0].target_answers, first.runs[0].gold_interval) == (1, 20)


async def test_guidelines_have_versions_and_answers_say_which(labeler: RunningLabeler) -> None:
    """That of the moment of the lease; the same text again is no version."""
    owner, teacher = labeler.as_role(Role.OWNER), labeler.as_role(Role.TEACHER)
    get = pb.GetGuidelinesRequest(run_id=RUN_ID)
    assert isinstance(await refused(teacher.GetGuidelines(get)), NotFoundError)
    for text in ("# Flips\n\n1 < 2", "# Flips\n\n1 < 2", "Only *whole* flips."):
        version = (await owner.SetGuidelines(pb.SetGuidelinesRequest(run_id=RUN_ID, text=text))).version
    assert version == 2
    assert (await teacher.GetGuidelines(get)).text == "Only *whole* flips."
    old = pb.GetGuidelinesRequest(run_id=RUN_ID, version=1)
    assert (await teacher.GetGuidelines(old)).text == "# Flips\n\n1 < 2"
    await labeler.propose("a")
    (held,) = await lease(teacher)
    assert held.query.guidelines_version == 2
    await owner.SetGuidelines(pb.SetGuidelinesRequest(run_id=RUN_ID, text="New."))
    request = pb.SubmitPreferenceRequest(
        lease_token=held.lease_token, answer_id="a1", preference=preference_pb2.PREFERENCE_LEFT
    )
    assert (await teacher.SubmitPreference(request)).record.guidelines_version == 2


@pytest.mark.parametrize("text", ["", "x" * 20_001, "<script>", "a <b>c</b>", "<!-- x -->", "</p>", "<?php"])
async def test_guidelines_with_raw_html_are_refused(labeler: RunningLabeler, text: str) -> None:
    """And so are empty and endless ones."""
    call = labeler.as_role(Role.OWNER).SetGuidelines(pb.SetGuidelinesRequest(run_id=RUN_ID, text=text))
    assert isinstance(await refused(call), InvalidInputError)


async def test_the_audit_log_says_who_did_what(labeler: RunningLabeler) -> None:
    """Newest first; repeats that change nothing leave no row, and no token is in it."""
    await labeler.create_run()
    (query,) = await labeler.propose("a")
    await labeler.propose("a")
    withdraw = pb.WithdrawQueriesRequest(run_id=RUN_ID, query_ids=[query])
    await labeler.as_role(Role.SERVICE).WithdrawQueries(withdraw)
    ada, owner = await _invite(labeler), labeler.as_role(Role.OWNER)
    await owner.RotateToken(pb.RotateTokenRequest(labeler_id=ada.labeler_id))
    await owner.RevokeToken(pb.RevokeTokenRequest(labeler_id=ada.labeler_id))
    await owner.SetLabelerWeight(
        pb.SetLabelerWeightRequest(run_id=RUN_ID, labeler_id=ada.labeler_id, weight=0, reason="asleep")
    )
    await owner.SetGuidelines(pb.SetGuidelinesRequest(run_id=RUN_ID, text="Flips."))
    await update_run(labeler, target_answers=2)
    await labeler.log()
    entries = await _audit(labeler)
    assert [(entry.labeler_id, entry.action) for entry in entries[::-1]] == [
        ("service", "CreateRun"),
        ("service", "ProposeQueries"),
        ("service", "WithdrawQueries"),
        ("owner", "CreateLabeler"),
        ("owner", "RotateToken"),
        ("owner", "RevokeToken"),
        ("owner", "SetLabelerWeight"),
        ("owner", "SetGuidelines"),
        ("owner", "UpdateRun"),
        ("owner", "ExportPreferences"),
    ]
    assert json.loads(entries[3].detail) == {"reason": "asleep", "weight": 0.0}
    assert entries[3].object == ada.labeler_id
    assert not any(ada.token in entry.detail for entry in entries)
    assert [entry.action for entry in await _audit(labeler, run_id=RUN_ID, page_size=2)] == [
        "ExportPreferences",
        "UpdateRun",
    ]


async def test_a_refused_change_leaves_no_row(labeler: RunningLabeler) -> None:
    """The row and the change are one transaction."""
    before = len(await _audit(labeler))
    await refused(labeler.as_role(Role.OWNER).RevokeToken(pb.RevokeTokenRequest(labeler_id="owner")))
    assert len(await _audit(labeler)) == before


async def test_the_audit_log_can_only_grow(tmp_path: Path) -> None:
    """The database itself refuses to change or to remove a row."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
    with closing(sqlite3.connect(tmp_path / "labels.sqlite")) as connection, connection:
        for statement in ("UPDATE audit_log SET labeler_id = 'x'", "DELETE FROM audit_log"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(statement)
    connection.close()


async def test_the_age_of_the_oldest_ready_query_is_told(labeler: RunningLabeler) -> None:
    """Nothing waits: 0; then some time; answered: 0 again. Rates are told by role."""
    assert (await labeler.stats()).oldest_ready_age_s == 0
    await labeler.propose("a")
    (held,) = await lease(labeler.as_role(Role.TEACHER), lease_s=1)
    assert 0 <= (await labeler.stats()).oldest_ready_age_s < 30
    request = pb.SubmitPreferenceRequest(
        lease_token=held.lease_token, answer_id="a1", preference=preference_pb2.PREFERENCE_LEFT
    )
    await labeler.as_role(Role.TEACHER).SubmitPreference(request)
    stats = await labeler.stats()
    assert stats.oldest_ready_age_s == 0
    assert (stats.num_last_hour_by_teachers, stats.num_last_hour_by_labelers) == (1, 0)
