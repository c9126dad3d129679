"""Leases that are given back, as by a page that closes: the pair is anybody's at once, the caller's too."""

from __future__ import annotations

from typing import Any

import pytest

from somersault.domain.roles import Role
from somersault.errors import FailedPreconditionError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RunningLabeler, lease, refused, submit


def _return(stub: Any, token: str, *, is_returned: bool = True) -> Any:
    return stub.ReleaseQuery(pb.ReleaseQueryRequest(lease_token=token, is_returned=is_returned))


async def test_a_returned_query_may_come_to_the_caller_again(labeler: RunningLabeler) -> None:
    """At once: whoever reloads a page goes on with the same pair. A skipped one never comes back."""
    (query_id,) = await labeler.propose("a")
    caller = labeler.as_role(Role.TEACHER)
    (held,) = await lease(caller)
    await _return(caller, held.lease_token)
    (again,) = await lease(caller)
    await _return(caller, again.lease_token, is_returned=False)

    assert again.query.query_id == query_id
    assert await lease(caller) == []


async def test_a_returned_query_goes_to_who_waits(labeler: RunningLabeler) -> None:
    """Nobody waits for the end of a lease that a closed page held."""
    await labeler.propose("a")
    (held,) = await lease(labeler.as_role(Role.TEACHER), lease_s=600)
    await _return(labeler.as_role(Role.TEACHER), held.lease_token)
    assert len(await lease(await labeler.new_labeler())) == 1


async def test_returning_is_idempotent_and_undoes_no_skip(labeler: RunningLabeler) -> None:
    """A repeat changes nothing, and a pair that was skipped stays skipped."""
    await labeler.propose("a")
    caller = labeler.as_role(Role.TEACHER)
    (held,) = await lease(caller)
    for is_returned in (True, True, False, True):
        await _return(caller, held.lease_token, is_returned=is_returned)
    assert await lease(caller) == []


async def test_an_answer_on_its_way_counts_after_the_return(labeler: RunningLabeler) -> None:
    """A page that closes may send its last answer and the return in either order."""
    await labeler.propose("a")
    caller = labeler.as_role(Role.TEACHER)
    (held,) = await lease(caller)
    await _return(caller, held.lease_token)
    row = await submit(caller, held.lease_token, "a1")
    assert not row.is_extra


async def test_a_returned_lease_is_not_renewed(labeler: RunningLabeler) -> None:
    """It has ended."""
    await labeler.propose("a")
    caller = labeler.as_role(Role.TEACHER)
    (held,) = await lease(caller)
    await _return(caller, held.lease_token)
    renewal = caller.RenewLease(pb.RenewLeaseRequest(lease_token=held.lease_token))
    assert isinstance(await refused(renewal), FailedPreconditionError)


@pytest.mark.parametrize("is_returned", [True, False])
async def test_an_answered_lease_is_not_given_back(labeler: RunningLabeler, is_returned: bool) -> None:
    """Its answer stays."""
    await labeler.propose("a")
    caller = labeler.as_role(Role.TEACHER)
    (held,) = await lease(caller)
    await submit(caller, held.lease_token, "a1")
    giving = _return(caller, held.lease_token, is_returned=is_returned)
    assert isinstance(await refused(giving), FailedPreconditionError)
