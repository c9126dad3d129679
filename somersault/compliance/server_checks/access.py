"""What a labeler promises about who may call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message_factory import GetMessageClass

from somersault.compliance.checks import UnmetError, expect, expect_refused, gather
from somersault.compliance.server_checks.trial import LEFT, Caller, Trial
from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from somersault.wire.access import ROLES

__all__ = ["ACCESS_CHECKS"]

_METHODS = pb.DESCRIPTOR.services_by_name["LabelerService"].methods_by_name
_NUMBERS = {
    Role.LABELER: preference_pb2.ROLE_LABELER,
    Role.TEACHER: preference_pb2.ROLE_TEACHER,
    Role.SERVICE: preference_pb2.ROLE_SERVICE,
    Role.OWNER: preference_pb2.ROLE_OWNER,
}
_UNKNOWN = grpc.StatusCode.UNAUTHENTICATED
_AT_ONCE = (
    12  # a labeler may answer wrong tokens ever later, and so many callers of one address wait together
)
_REVOKED_WITHIN_S = 10.0  # replicas may remember a token for five seconds


async def without_a_token_nothing_is_served(trial: Trial) -> None:
    """Every method is UNAUTHENTICATED without a token."""
    await _expect_all_refused(trial.as_token(None), _UNKNOWN, sorted(ROLES))


async def an_unknown_token_is_refused(trial: Trial) -> None:
    """Every method is UNAUTHENTICATED with an unknown token."""
    await _expect_all_refused(trial.as_token("nobodys-token-0123456789"), _UNKNOWN, sorted(ROLES))


async def each_role_may_do_only_its_own(trial: Trial) -> None:
    """Every method is PERMISSION_DENIED for each role that its option does not name."""
    for role in Role:
        caller = await trial.invite(_NUMBERS[role])
        denied = [method for method in sorted(ROLES) if role not in ROLES[method]]
        await _expect_all_refused(caller, grpc.StatusCode.PERMISSION_DENIED, denied, who=role.value)


async def each_role_may_do_its_own(trial: Trial) -> None:
    """No method is UNIMPLEMENTED, PERMISSION_DENIED or UNAUTHENTICATED for a role that its option names."""
    for role in Role:
        caller = await trial.invite(_NUMBERS[role])
        for method in sorted(method for method in ROLES if role in ROLES[method]):
            status = await _status(caller, method)
            lacking = (grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.PERMISSION_DENIED, _UNKNOWN)
            expect(status not in lacking, f"{method} was {status} for {role.value}")


async def everyone_learns_who_they_are(trial: Trial) -> None:
    """WhoAmI returns the name and role of the invitation."""
    for role, number in _NUMBERS.items():
        caller = await trial.invite(number)
        reply = await caller.call("WhoAmI", pb.WhoAmIRequest())
        got = (reply.labeler_id, reply.name, reply.role)
        expect(got == (caller.labeler_id, "compliance", number), f"{role.value} got {got}")


async def a_rotated_token_ends(trial: Trial) -> None:
    """RotateToken returns a token that works; the previous one ends within 10 s."""
    caller = await trial.invite()
    reply = await trial.owner.call("RotateToken", pb.RotateTokenRequest(labeler_id=caller.labeler_id))
    renewed = await trial.as_token(reply.token).call("WhoAmI", pb.WhoAmIRequest())
    expect(renewed.labeler_id == caller.labeler_id, f"the new token is {renewed.labeler_id!r}'s")
    await _expect_ended(caller)


async def a_revoked_token_ends(trial: Trial) -> None:
    """RevokeToken ends a token within 10 s; what its holder had leased goes to others."""
    await trial.propose("one")
    caller, other = await trial.invite(), await trial.invite()
    await trial.lease_one(caller)
    await trial.owner.call("RevokeToken", pb.RevokeTokenRequest(labeler_id=caller.labeler_id))
    await _expect_ended(caller)
    expect(await trial.lease(other, wait_s=5), "no one else got the query that it had leased")


async def what_lasts_ends_with_its_token(trial: Trial) -> None:
    """An open stream, and a LeaseQueries that waits, end with UNAUTHENTICATED within 10 s of RevokeToken."""
    follower = await trial.invite(preference_pb2.ROLE_SERVICE)
    waiter = await trial.invite()
    following = follower.stream(
        "WatchPreferences", pb.WatchPreferencesRequest(run_id=trial.run_id), timeout_s=60
    )
    calls = {
        "WatchPreferences": asyncio.create_task(_exhaust(following)),
        "LeaseQueries": asyncio.create_task(trial.lease(waiter, wait_s=20)),
    }
    await asyncio.sleep(0.5)
    for caller in (follower, waiter):
        await trial.owner.call("RevokeToken", pb.RevokeTokenRequest(labeler_id=caller.labeler_id))
    _, lasting = await asyncio.wait(calls.values(), timeout=_REVOKED_WITHIN_S)
    names = [name for name, call in calls.items() if call in lasting]
    for call in lasting:
        call.cancel()
    await asyncio.wait(calls.values())
    expect(not names, f"{names} went on for {_REVOKED_WITHIN_S:g} s")
    for name, call in calls.items():
        await expect_refused(call, _UNKNOWN, doing=name)


async def another_runs_objects_do_not_exist(trial: Trial) -> None:
    """To who is no member, a run and its queries and leases are refused like names that nothing has."""
    (query_id,) = await trial.propose("one")
    holder, stranger = await trial.invite(), await trial.invite()
    lease = await trial.lease_one(holder)
    removal = pb.RemoveLabelerRequest(labeler_id=stranger.labeler_id, run_id=trial.run_id)
    await trial.owner.call("RemoveLabeler", removal)
    give_up = time.monotonic() + _REVOKED_WITHIN_S
    while (
        await _status_of(stranger, "GetStats", pb.GetStatsRequest(run_id=trial.run_id)) is grpc.StatusCode.OK
    ):
        expect(
            time.monotonic() < give_up, f"the run is still served {_REVOKED_WITHIN_S:g} s after RemoveLabeler"
        )
        await asyncio.sleep(0.2)
    tries: dict[str, tuple[Any, Any]] = {
        "GetStats": (pb.GetStatsRequest(run_id=trial.run_id), pb.GetStatsRequest(run_id=trial.name("none"))),
        "LeaseQueries": (
            pb.LeaseQueriesRequest(run_id=trial.run_id, count=1),
            pb.LeaseQueriesRequest(run_id=trial.name("none"), count=1),
        ),
        "GetClip": (
            pb.GetClipRequest(query_id=query_id, side=LEFT),
            pb.GetClipRequest(query_id="none", side=LEFT),
        ),
        "RenewLease": (
            pb.RenewLeaseRequest(lease_token=lease.lease_token),
            pb.RenewLeaseRequest(lease_token="none"),  # noqa: S106
        ),
    }
    for method, (theirs, never) in tries.items():
        got, wanted = await _status_of(stranger, method, theirs), await _status_of(stranger, method, never)
        expect(
            got is wanted and got is not grpc.StatusCode.OK,
            f"{method} was {got}, not {wanted} as for no object",
        )
    leased = await stranger.call("LeaseQueries", pb.LeaseQueriesRequest(count=1))
    expect(not leased.leases, "LeaseQueries without a run leased in a run that the caller is no member of")


async def no_list_shows_a_token(trial: Trial) -> None:
    """Neither ListLabelers nor ListAuditLog holds a token that was given out."""
    caller = await trial.invite()
    labelers = await trial.owner.call("ListLabelers", pb.ListLabelersRequest(page_size=1000))
    entries = await trial.owner.call("ListAuditLog", pb.ListAuditLogRequest(page_size=1000))
    expect(caller.token not in str(labelers), "ListLabelers shows a token")
    expect(caller.token not in str(entries), "ListAuditLog shows a token")


async def _expect_all_refused(
    caller: Caller, status: grpc.StatusCode, methods: list[str], *, who: str = "it"
) -> None:
    for first in range(0, len(methods), _AT_ONCE):
        some = methods[first : first + _AT_ONCE]
        for method, got in zip(
            some, await asyncio.gather(*(_status(caller, one) for one in some)), strict=True
        ):
            expect(got is status, f"{method} was {got} for {who}, not {status.name}")


async def _status(caller: Caller, method: str) -> grpc.StatusCode:
    """Call a method with an empty request and return how it ended: nothing is changed by one."""
    return await _status_of(caller, method, GetMessageClass(_METHODS[method].input_type)())


async def _status_of(caller: Caller, method: str, request: Any) -> grpc.StatusCode:
    try:
        if _METHODS[method].server_streaming:
            await _first(caller.stream(method, request, timeout_s=5))
        else:
            await caller.call(method, request)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def _first(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        return


async def _exhaust(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        pass


async def _expect_ended(caller: Caller) -> None:
    give_up = time.monotonic() + _REVOKED_WITHIN_S
    while time.monotonic() < give_up:
        try:
            await expect_refused(caller.call("WhoAmI", pb.WhoAmIRequest()), _UNKNOWN)
        except UnmetError:
            await asyncio.sleep(0.2)
        else:
            return
    raise UnmetError(f"the token still works after {_REVOKED_WITHIN_S:g} s")


ACCESS_CHECKS = gather(
    (
        without_a_token_nothing_is_served,
        an_unknown_token_is_refused,
        each_role_may_do_only_its_own,
        each_role_may_do_its_own,
        everyone_learns_who_they_are,
        a_rotated_token_ends,
        a_revoked_token_ends,
        what_lasts_ends_with_its_token,
        another_runs_objects_do_not_exist,
        no_list_shows_a_token,
    )
)
