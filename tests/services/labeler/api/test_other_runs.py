"""Every rpc with another run's objects, made from the service's descriptor: as if they did not exist."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from somersault import rpc
from somersault.domain.roles import Role
from somersault.errors import (
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    SomersaultError,
    UnauthenticatedError,
)
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from somersault.wire.access import ROLES
from tests.services.labeler.api.test_authentication import METHODS
from tests.services.labeler.running import (
    RUN_ID,
    RunningLabeler,
    lease,
    proposal,
    refused,
    stored_segment,
    submit,
)

_OTHER = "others-run"
_NUMBERS = {role: getattr(preference_pb2, f"ROLE_{role.name}") for role in Role}
_CHOSEN_BY_CALLER = {("SubmitPreference", "answer_id")}
_USUAL: dict[str, Any] = {
    "run_id": RUN_ID,
    "answer_id": "mine",
    "preference": 1,
    "version": 2,
    "side": 1,
    "count": 1,
    "name": "Eve",
    "role": preference_pb2.ROLE_LABELER,
    "task": "hopper-backflip",
    "question": "Which is better?",
    "text": "Flips.",
    "weight": 0.5,
    "url": "https://example.com/hook",
    "policy_version": 1,
}


async def _member(labeler: RunningLabeler, role: Role, *run_ids: str) -> pb.CreateLabelerResponse:
    request = pb.CreateLabelerRequest(name="member", role=_NUMBERS[role], run_ids=run_ids)
    return await labeler.as_role(Role.OWNER).CreateLabeler(request)  # type: ignore[no-any-return]


async def _others_objects(labeler: RunningLabeler) -> dict[str, Any]:
    """Make another run with one object of each kind, and return what names each in a request."""
    await labeler.create_run(_OTHER)
    first, _ = await labeler.propose("a", "b", run_id=_OTHER)
    holder = await _member(labeler, Role.TEACHER, _OTHER)
    stub, owner = labeler.as_token(holder.token), labeler.as_role(Role.OWNER)
    request = pb.LeaseQueriesRequest(run_id=_OTHER, count=2)
    answered, held = (await stub.LeaseQueries(request)).leases
    await submit(stub, answered.lease_token, "others-answer")
    webhook = await owner.CreateWebhook(
        pb.CreateWebhookRequest(run_id=_OTHER, url="https://example.com/others")
    )
    return {
        "run_id": _OTHER,
        "run_ids": [_OTHER],
        "query_id": first,
        "query_ids": [first],
        "lease_token": held.lease_token,
        "answer_id": "others-answer",
        "webhook_id": webhook.webhook_id,
        "labeler_id": holder.labeler_id,
    }


async def _seen(labeler: RunningLabeler) -> str:
    """Return all that an owner of every run sees of the other run."""
    owner = labeler.as_role(Role.OWNER)
    runs = await owner.ListRuns(pb.ListRunsRequest())
    webhooks = await owner.ListWebhooks(pb.ListWebhooksRequest(run_id=_OTHER))
    replies = [
        await labeler.log(_OTHER),
        [run for run in runs.runs if run.run_id == _OTHER],
        await owner.ListLabelers(pb.ListLabelersRequest(run_id=_OTHER)),
        await owner.ListQueries(pb.ListQueriesRequest(run_id=_OTHER)),
        [hook.webhook_id for hook in webhooks.webhooks],
        await owner.GetLabelerQuality(pb.GetLabelerQualityRequest(run_id=_OTHER)),
        (await labeler.stats(_OTHER)).num_leased,
    ]
    return str(replies)


async def _told(stub: Any, name: str, field: str, value: Any) -> tuple[str, str]:
    """Call a method with an object in one field and what is usual in the others; return all that the caller learns."""
    request = getattr(pb, METHODS[name].input_type.name)()
    for other, usual in {**_USUAL, field: value}.items():
        if other in request.DESCRIPTOR.fields_by_name:
            single = not isinstance(value, list) or other != field
            setattr(request, other, usual) if single else getattr(request, other).extend(usual)
    if name == "UpdateRun":
        request.ClearField("question")
    call = getattr(stub, name)(request)
    try:
        async with asyncio.timeout(10):
            with rpc.translated_errors():
                reply = await (call.read() if METHODS[name].server_streaming else call)
    except SomersaultError as error:
        return type(error).__name__, str(error)
    return "OK", str(reply)


def _never(value: Any) -> Any:
    """Return a name like another that nothing has."""
    if isinstance(value, list):
        return [_never(each) for each in value]
    return value[:-1] + ("x" if value[-1] != "x" else "y")


def _named(objects: dict[str, Any], name: str) -> list[str]:
    fields = METHODS[name].input_type.fields_by_name
    return [field for field in objects if field in fields and (name, field) not in _CHOSEN_BY_CALLER]


async def test_another_runs_objects_are_as_if_there_were_none(labeler: RunningLabeler) -> None:
    """Each rpc by each role that may call it: status, words and reply are those for a name that nothing has."""
    objects = await _others_objects(labeler)
    before, num_tried, wrong = await _seen(labeler), 0, []
    for role in Role:
        token = (await _member(labeler, role, RUN_ID)).token
        stub = labeler.as_token(token)
        for name in sorted(name for name, roles in ROLES.items() if role in roles):
            for field in _named(objects, name):
                value = objects[field]
                theirs, never = (
                    await _told(stub, name, field, value),
                    await _told(stub, name, field, _never(value)),
                )
                words = [
                    (kind, text.replace(str(one), "…").replace(str(one).strip("[]'"), "…"))
                    for (kind, text), one in ((theirs, value), (never, _never(value)))
                ]
                num_tried += 1
                if words[0] != words[1] or (field in ("run_id", "run_ids") and theirs[0] == "OK"):
                    wrong.append((role.value, name, field, theirs, never))
    assert wrong == []
    assert num_tried > 70
    assert await _seen(labeler) == before


async def test_every_rpc_that_names_a_run_is_tried() -> None:
    """The fields that name a run's objects; one of a new kind must be given a name above."""
    known = {
        "run_id",
        "run_ids",
        "query_id",
        "query_ids",
        "lease_token",
        "answer_id",
        "webhook_id",
        "labeler_id",
    }
    ends = ("_id", "_ids", "_token")
    fields = {
        field.name
        for method in METHODS.values()
        for field in method.input_type.fields
        if field.name.endswith(ends)
    }
    assert fields - {"page_token", "commit_id"} <= known


async def test_lists_hold_nothing_of_another_run(labeler: RunningLabeler) -> None:
    """Neither runs, nor labelers, nor the audit log; each without naming a run."""
    objects = await _others_objects(labeler)
    owner = labeler.as_token((await _member(labeler, Role.OWNER, RUN_ID)).token)
    service = labeler.as_token((await _member(labeler, Role.SERVICE, RUN_ID)).token)
    replies = [
        await owner.ListRuns(pb.ListRunsRequest()),
        await service.ListRuns(pb.ListRunsRequest()),
        await owner.ListLabelers(pb.ListLabelersRequest()),
        await owner.ListAuditLog(pb.ListAuditLogRequest(page_size=1000)),
    ]
    for name in ("run_id", "labeler_id", "webhook_id", "query_id"):
        assert not any(objects[name] in str(reply) for reply in replies), name
    assert [run.run_id for run in replies[0].runs] == [RUN_ID]


@pytest.mark.parametrize("role", [Role.LABELER, Role.TEACHER])
async def test_a_labeler_leases_only_where_it_was_invited(labeler: RunningLabeler, role: Role) -> None:
    """Without naming a run too; once invited it does, and once removed it holds and gets nothing there."""
    await labeler.create_run(_OTHER)
    await labeler.propose("a", run_id=_OTHER)
    owner = labeler.as_role(Role.OWNER)
    ada = await _member(labeler, Role.TEACHER, RUN_ID)
    stub = labeler.as_token(ada.token)
    assert not (await stub.LeaseQueries(pb.LeaseQueriesRequest(count=1))).leases
    named = pb.LeaseQueriesRequest(run_id=_OTHER, count=1)
    assert isinstance(await refused(stub.LeaseQueries(named)), NotFoundError)
    change = {"labeler_id": ada.labeler_id, "run_id": _OTHER}
    await owner.InviteLabeler(pb.InviteLabelerRequest(**change))
    await owner.InviteLabeler(pb.InviteLabelerRequest(**change))
    (held,) = (await stub.LeaseQueries(pb.LeaseQueriesRequest(count=1))).leases
    await owner.RemoveLabeler(pb.RemoveLabelerRequest(**change))
    await owner.RemoveLabeler(pb.RemoveLabelerRequest(**change))
    assert isinstance(await refused(submit(stub, held.lease_token, "late")), FailedPreconditionError)
    assert not (await stub.LeaseQueries(pb.LeaseQueriesRequest(count=1))).leases
    other = labeler.as_token((await _member(labeler, role, _OTHER)).token)
    if role is Role.TEACHER:
        assert (await other.LeaseQueries(named)).leases, "the query of the ended lease is free"


async def test_what_lasts_ends_with_the_membership(labeler: RunningLabeler) -> None:
    """A stream and a wait for a lease, within seconds, without another call."""
    follower, waiter = (
        await _member(labeler, Role.SERVICE, RUN_ID),
        await _member(labeler, Role.TEACHER, RUN_ID),
    )
    owner = labeler.as_role(Role.OWNER)
    stream = labeler.as_token(follower.token).WatchPreferences(pb.WatchPreferencesRequest(run_id=RUN_ID))
    wait = pb.LeaseQueriesRequest(run_id=RUN_ID, count=1, wait_s=20)

    async def follow() -> None:
        async for _ in stream:
            pass

    calls = [refused(follow()), refused(labeler.as_token(waiter.token).LeaseQueries(wait))]
    lasting = [asyncio.create_task(call) for call in calls]
    await asyncio.sleep(0.3)
    for each in (follower, waiter):
        await owner.RemoveLabeler(pb.RemoveLabelerRequest(labeler_id=each.labeler_id, run_id=RUN_ID))
    errors = await asyncio.wait_for(asyncio.gather(*lasting), timeout=8)
    assert [type(error) for error in errors] == [NotFoundError, NotFoundError]


async def test_an_owner_of_a_run_rules_its_members_alone(labeler: RunningLabeler) -> None:
    """It can't take over who also answers elsewhere, invite beyond its runs, or make runs."""
    await labeler.create_run(_OTHER)
    owner = labeler.as_token((await _member(labeler, Role.OWNER, RUN_ID)).token)
    both = await _member(labeler, Role.LABELER, RUN_ID, _OTHER)
    for request in (
        pb.RotateTokenRequest(labeler_id=both.labeler_id),
        pb.RevokeTokenRequest(labeler_id=both.labeler_id),
    ):
        name = type(request).__name__.removesuffix("Request")
        assert isinstance(await refused(getattr(owner, name)(request)), FailedPreconditionError)
    (shown,) = [
        each
        for each in (await owner.ListLabelers(pb.ListLabelersRequest())).labelers
        if each.labeler_id == both.labeler_id
    ]
    assert list(shown.run_ids) == [RUN_ID]
    made = await owner.CreateLabeler(pb.CreateLabelerRequest(name="Ada", role=preference_pb2.ROLE_OWNER))
    runs = await labeler.as_token(made.token).ListRuns(pb.ListRunsRequest())
    assert [run.run_id for run in runs.runs] == [RUN_ID], "an owner whom it invites owns no more than it does"
    create = pb.CreateRunRequest(run_id="fresh", task="hopper-backflip")
    assert isinstance(await refused(owner.CreateRun(create)), PermissionDeniedError)


async def test_an_invitation_without_runs_is_to_the_only_one(labeler: RunningLabeler) -> None:
    """With several it is refused rather than guessed."""
    owner = labeler.as_role(Role.OWNER)
    invite = pb.CreateLabelerRequest(name="Ada", role=preference_pb2.ROLE_TEACHER)
    await labeler.propose("a")
    assert len(await lease(labeler.as_token((await owner.CreateLabeler(invite)).token))) == 1
    await labeler.create_run(_OTHER)
    error = await refused(owner.CreateLabeler(invite))
    assert isinstance(error, InvalidInputError)
    assert "run_ids is 0, must be at least 1" in str(error)


async def test_the_last_owner_of_a_run_stays(labeler: RunningLabeler) -> None:
    """Unless somebody owns every run; an owner of every run can't be removed from one."""
    first = await _member(labeler, Role.OWNER, RUN_ID)
    owner = labeler.as_token(first.token)
    everywhere = pb.RemoveLabelerRequest(labeler_id="owner", run_id=RUN_ID)
    assert isinstance(await refused(owner.RemoveLabeler(everywhere)), NotFoundError)
    assert isinstance(
        await refused(labeler.as_role(Role.OWNER).RemoveLabeler(everywhere)), FailedPreconditionError
    )
    await owner.RemoveLabeler(pb.RemoveLabelerRequest(labeler_id=first.labeler_id, run_id=RUN_ID))
    error = await refused(owner.GetStats(pb.GetStatsRequest(run_id=RUN_ID)))
    assert isinstance(error, (NotFoundError, UnauthenticatedError))


@pytest.mark.parametrize("field", ["segment_uri", "sealed_uri"])
async def test_a_proposal_leads_to_no_segment_of_another_run(labeler: RunningLabeler, field: str) -> None:
    """A clip is rendered from the named key: another run's would show it to people who may not see it."""
    request = pb.ProposeQueriesRequest(run_id=RUN_ID, proposals=[proposal("a")])
    theirs = getattr(stored_segment("a-first", run_id=_OTHER), field)
    setattr(request.proposals[0].first, field, theirs)
    error = await refused(labeler.as_role(Role.SERVICE).ProposeQueries(request))
    assert isinstance(error, InvalidInputError)
    assert field in str(error)
