"""Every rpc, made from the service's descriptor, by every kind of caller and with somebody else's object."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.labeler.api import guesses
from somersault.domain.roles import Role
from somersault.errors import (
    PermissionDeniedError,
    ResourceExhaustedError,
    SomersaultError,
    UnauthenticatedError,
)
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from somersault.wire.access import ROLES
from tests.services.labeler.api.test_authentication import METHODS
from tests.services.labeler.running import RunningLabeler, lease, refused, submit

_OBJECTS = ("lease_token", "answer_id", "query_id")
"""What is one labeler's own, by the field that names it."""
_CHOSEN_BY_CALLER = {("SubmitPreference", "answer_id")}
"""Names that the caller gives itself."""
_PEOPLE = (Role.LABELER, Role.TEACHER)


async def _status(stub: Any, name: str, request: Any = None) -> SomersaultError | None:
    """Call a method and return how it was refused, if it was."""
    request = getattr(pb, METHODS[name].input_type.name)() if request is None else request
    call = getattr(stub, name)(request)
    try:
        async with asyncio.timeout(10):
            await refused(call.read() if METHODS[name].server_streaming else call)
    except AssertionError:
        return None
    return await refused(_again(stub, name, request))


async def _again(stub: Any, name: str, request: Any) -> Any:
    call = getattr(stub, name)(request)
    return await (call.read() if METHODS[name].server_streaming else call)


@pytest.mark.parametrize("role", list(Role))
async def test_a_role_is_denied_what_is_not_for_it(labeler: RunningLabeler, role: Role) -> None:
    """And only that is: whatever else an empty request is refused for, it is not for the role."""
    stub = labeler.as_role(role)
    denied = {name for name in METHODS if isinstance(await _status(stub, name), PermissionDeniedError)}
    assert denied == {name for name, roles in ROLES.items() if role not in roles}


@pytest.mark.parametrize("kind", ["none", "wrong", "revoked", "rotated"])
async def test_who_has_no_token_any_more_is_served_nothing(
    labeler: RunningLabeler, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is the same for all, so that a guess learns nothing."""
    monkeypatch.setattr(guesses, "_LONGEST_S", 0.0)  # they would take minutes
    owner = labeler.as_role(Role.OWNER)
    invite = pb.CreateLabelerRequest(name="Eve", role=preference_pb2.ROLE_OWNER)
    eve = await owner.CreateLabeler(invite)
    assert await _status(labeler.as_token(eve.token), "ListLabelers") is None
    if kind == "revoked":
        await owner.RevokeToken(pb.RevokeTokenRequest(labeler_id=eve.labeler_id))
    if kind == "rotated":
        await owner.RotateToken(pb.RotateTokenRequest(labeler_id=eve.labeler_id))
    token = {"none": None, "wrong": eve.token[:-1] + "~"}.get(kind, eve.token)
    errors = [await _status(labeler.as_token(token), name) for name in METHODS]
    assert all(isinstance(error, UnauthenticatedError) for error in errors)
    assert len({str(error) for error in errors}) == 1
    assert "missing" in str(errors[0]) if kind == "none" else "unknown" in str(errors[0])


def _with_objects() -> list[tuple[str, str]]:
    """Return every rpc that a person or a teacher may call and each field of it that names an object of one of them."""
    return [
        (name, field)
        for name, method in METHODS.items()
        for field in _OBJECTS
        if field in method.input_type.fields_by_name
        and ROLES[name] & set(_PEOPLE)
        and (name, field) not in _CHOSEN_BY_CALLER
    ]


def test_every_object_of_a_labeler_is_tried() -> None:
    """A list that a new field of such a name makes longer by itself, so this holds only what it must at least hold."""
    assert set(_with_objects()) >= {
        ("RenewLease", "lease_token"),
        ("ReleaseQuery", "lease_token"),
        ("SubmitPreference", "lease_token"),
        ("RevisePreference", "answer_id"),
        ("GetClip", "query_id"),
    }


@pytest.mark.parametrize("role", _PEOPLE)
@pytest.mark.parametrize(("name", "field"), _with_objects())
async def test_somebody_elses_object_is_refused_as_if_there_were_none(
    labeler: RunningLabeler, name: str, field: str, role: Role
) -> None:
    """Status and words are those for an object that never was, and the holder notices nothing."""
    query_id, _ = await labeler.propose("a", "b")
    holder = await labeler.new_labeler()
    answered, held = await lease(holder, count=2)
    await submit(holder, answered.lease_token, "a1")
    theirs = {"lease_token": held.lease_token, "answer_id": "a1", "query_id": query_id}[field]
    never = theirs[:-1] + ("x" if theirs[-1] != "x" else "y")
    told = []
    for value in (theirs, never):
        request = getattr(pb, METHODS[name].input_type.name)(**{field: value})
        for other, usual in {"answer_id": "mine", "preference": 1, "version": 2, "side": 1}.items():
            if other in request.DESCRIPTOR.fields_by_name and other != field:
                setattr(request, other, usual)
        error = await _status(labeler.as_role(role), name, request)
        assert error is not None
        told.append((type(error), str(error).replace(value, "…")))
    assert told[0] == told[1]
    assert len(await labeler.log()) == 1
    assert not (await submit(holder, held.lease_token, "b1")).is_extra


@pytest.mark.parametrize("role", [Role.SERVICE, Role.OWNER])
async def test_who_answers_nothing_can_not_use_a_leaked_lease(labeler: RunningLabeler, role: Role) -> None:
    """An owner reads and excludes; it does not answer in somebody's name."""
    await labeler.propose("a")
    holder = await labeler.new_labeler()
    (held,) = await lease(holder)
    for name in ("RenewLease", "ReleaseQuery", "SubmitPreference"):
        request = getattr(pb, METHODS[name].input_type.name)(lease_token=held.lease_token)
        assert isinstance(await _status(labeler.as_role(role), name, request), PermissionDeniedError)
    await submit(holder, held.lease_token, "a1")


async def test_nobody_holds_more_leases_or_gives_more_answers_than_leases(labeler: RunningLabeler) -> None:
    """Thirty calls at once for ten each: ten leases in all, and one answer under each, however often it is sent."""
    await labeler.propose(*(f"p{i}" for i in range(60)))
    stub = await labeler.new_labeler()
    calls = await asyncio.gather(*(lease(stub, count=10) for _ in range(30)), return_exceptions=True)
    held = [one for leases in calls if isinstance(leases, list) for one in leases]
    assert len(held) == 10
    assert isinstance(await refused(lease(stub)), ResourceExhaustedError)
    for number, one in enumerate(held):
        await submit(stub, one.lease_token, f"a{number}")
        assert await refused(submit(stub, one.lease_token, f"again{number}"))
    assert len(await labeler.log()) == 10
