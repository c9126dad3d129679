"""Who may call what: every method by every role, and without a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.labeler.api import guesses
from somersault import rpc
from somersault.domain.roles import Role
from somersault.errors import (
    FailedPreconditionError,
    NotFoundError,
    PermissionDeniedError,
    SomersaultError,
    UnauthenticatedError,
)
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from somersault.wire.access import ROLES
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, refused, running_labeler, submit

METHODS = {method.name: method for method in pb.DESCRIPTOR.services_by_name["LabelerService"].methods}

# Which field of a request names something that is one labeler's own, and what it is.
OWN = {
    "RenewLease": ("lease_token", "lease"),
    "ReleaseQuery": ("lease_token", "lease"),
    "SubmitPreference": ("lease_token", "lease"),
    "RevisePreference": ("answer_id", "answer"),
    "GetClip": ("query_id", "query"),
}
# Methods whose requests name nothing that belongs to one labeler.
COMMON = "CreateSession EndSession LeaseQueries GetStats GetGuidelines WhoAmI ListOwnAnswers ListPolicyClips GetPolicyClip GetPracticePairs"


async def _call(stub: Any, name: str) -> SomersaultError | None:
    """Call a method with an empty request and return how it was refused, if it was."""
    request = getattr(pb, METHODS[name].input_type.name)()
    call = getattr(stub, name)(request)
    try:
        with rpc.translated_errors():
            await (call.read() if METHODS[name].server_streaming else call)
    except SomersaultError as err:
        return err
    return None


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_may_call_what_its_option_says(labeler: RunningLabeler, role: Role) -> None:
    """Every other method is PERMISSION_DENIED, whatever the request says."""
    stub = labeler.as_role(role)
    denied = {name for name in METHODS if isinstance(await _call(stub, name), PermissionDeniedError)}
    assert denied == {name for name, roles in ROLES.items() if role not in roles}


def test_every_method_for_labelers_is_own_or_common() -> None:
    """A method that is added for labelers must say here whose objects it touches."""
    for_labelers = {name for name, roles in ROLES.items() if Role.LABELER in roles}
    assert for_labelers == {*OWN, *COMMON.split()}


@pytest.mark.parametrize("role", [Role.LABELER, Role.TEACHER])
@pytest.mark.parametrize("name", list(OWN))
async def test_nobody_touches_what_is_somebody_elses(labeler: RunningLabeler, name: str, role: Role) -> None:
    """With everything right but the holder: refused, and nothing of it happened."""
    query_id, _ = await labeler.propose("a", "b")
    holder = await labeler.new_labeler()
    first, second = await lease(holder, count=2)
    await submit(holder, first.lease_token, "a1")
    field, kind = OWN[name]
    values = {"lease": second.lease_token, "answer": "a1", "query": query_id}
    request = getattr(pb, METHODS[name].input_type.name)(**{field: values[kind]})
    more: dict[str, Any] = {"answer_id": "mine", "preference": 1, "version": 2, "side": 1}
    for other, value in more.items():
        if other in request.DESCRIPTOR.fields_by_name and other != field:
            setattr(request, other, value)
    error = await refused(getattr(labeler.as_role(role), name)(request))
    assert isinstance(error, (FailedPreconditionError, NotFoundError))
    assert len(await labeler.log()) == 1
    await submit(holder, second.lease_token, "b1")


@pytest.mark.parametrize("token", [None, "not-a-token-of-anybody", ""])
async def test_without_a_known_token_nothing_is_served(
    labeler: RunningLabeler, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal says what to do."""
    monkeypatch.setattr(guesses, "_LONGEST_S", 0.0)  # they would take minutes
    for name in METHODS:
        error = await _call(labeler.as_token(token), name)
        assert isinstance(error, UnauthenticatedError), name
        assert "tokens.json" in str(error)


async def test_the_denial_names_the_roles(labeler: RunningLabeler) -> None:
    """So that the caller knows whom to ask."""
    error = await _call(labeler.as_role(Role.LABELER), "ExportPreferences")
    assert "ExportPreferences is for owner; this token's role is labeler" in str(error)


async def test_health_needs_no_token(labeler: RunningLabeler) -> None:
    """A supervisor has none."""
    async with rpc.open_channel(labeler.address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        response = await health.Check(health_pb2.HealthCheckRequest(service="somersault.v1.LabelerService"))
    assert response.status == health_pb2.HealthCheckResponse.SERVING


async def test_an_unknown_method_is_not_implemented(labeler: RunningLabeler) -> None:
    """Not even an owner gets anything from it."""
    async with rpc.open_channel(labeler.address, token="owner-token-0123456789") as channel:
        call = channel.unary_unary("/somersault.v1.LabelerService/DropEverything")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_caller_is_told_who_it_is(labeler: RunningLabeler) -> None:
    """By the name that the log has."""
    response = await labeler.as_role(Role.TEACHER).WhoAmI(pb.WhoAmIRequest())
    assert (response.labeler_id, response.role) == ("teacher", preference_pb2.ROLE_TEACHER)


async def test_an_invited_labeler_can_call_at_once(labeler: RunningLabeler) -> None:
    """Its token is its own, and works after a restart."""
    invite = pb.CreateLabelerRequest(name="Ada", role=preference_pb2.ROLE_LABELER)
    first, second = [await labeler.as_role(Role.OWNER).CreateLabeler(invite) for _ in range(2)]
    assert first.token != second.token
    response = await labeler.as_token(first.token).WhoAmI(pb.WhoAmIRequest())
    assert (response.labeler_id, response.name) == (first.labeler_id, "Ada")


async def test_no_token_is_stored(tmp_path: Path) -> None:
    """Whoever reads the database finds hashes only."""
    async with running_labeler(tmp_path) as labeler:
        invite = pb.CreateLabelerRequest(name="Ada", role=preference_pb2.ROLE_LABELER)
        token = (await labeler.as_role(Role.OWNER).CreateLabeler(invite)).token
        await labeler.create_run()
        await labeler.propose("a")
        request = pb.LeaseQueriesRequest(run_id=RUN_ID, count=1)
        lease_token = (await labeler.as_role(Role.TEACHER).LeaseQueries(request)).leases[0].lease_token
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("labels.sqlite*"))
    for secret in (token, lease_token, "owner-token-0123456789"):
        assert secret.encode() not in stored


@pytest.mark.parametrize("name", ["", "x" * 101, "two\nlines"])
async def test_malformed_names_are_refused(labeler: RunningLabeler, name: str) -> None:
    """A name is shown to people."""
    invite = pb.CreateLabelerRequest(name=name, role=preference_pb2.ROLE_LABELER)
    error = await refused(labeler.as_role(Role.OWNER).CreateLabeler(invite))
    assert "name" in str(error)
