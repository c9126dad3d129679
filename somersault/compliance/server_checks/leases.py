"""What a labeler promises about leases."""

from __future__ import annotations

import asyncio
import time

import grpc

from somersault.compliance.checks import expect, expect_refused, gather
from somersault.compliance.server_checks.trial import Trial
from somersault.v1 import labeler_pb2 as pb

__all__ = ["LEASE_CHECKS"]

_STATE = grpc.StatusCode.FAILED_PRECONDITION


async def queries_are_leased_oldest_first(trial: Trial) -> None:
    """LeaseQueries returns the oldest queries of the run, at most as many as asked for."""
    query_ids = await trial.propose("one", "two", "three")
    leases = await trial.lease(await trial.invite(), count=2)
    got = [lease.query.query_id for lease in leases]
    expect(got == query_ids[:2], f"of {query_ids}, asked for 2, it gave {got}")


async def a_lease_says_what_it_must(trial: Trial) -> None:
    """A lease has a token of its own, the run, both segments on different sides, and when it ends."""
    await trial.propose("one", "two")
    leases = await trial.lease(await trial.invite(), count=2, lease_s=60)
    expect(len({lease.lease_token for lease in leases} - {""}) == 2, "lease tokens are empty or the same")
    for lease in leases:
        sides = {lease.query.left.segment_id, lease.query.right.segment_id}
        word = next(iter(sides)).partition("-")[0]
        expect(sides == {f"{word}-first", f"{word}-second"}, f"the sides are {sorted(sides)}")
        expect(lease.query.run_id == trial.run_id, f"run_id is {lease.query.run_id!r}")
        expect(55 < lease.remaining_s <= 60, f"asked for 60 s, remaining_s is {lease.remaining_s}")
        expect(lease.expire_time.seconds > 0, "expire_time is missing")


async def a_query_is_leased_to_one(trial: Trial) -> None:
    """A query that needs one answer has one live lease: no one else gets it, nor its holder a second time."""
    await trial.propose("one")
    first, second = await trial.invite(), await trial.invite()
    await trial.lease_one(first)
    expect(not await trial.lease(second), "a second labeler got the query too")
    expect(not await trial.lease(first), "its holder got the query again")


async def a_query_is_leased_to_as_many_as_it_wants(trial: Trial) -> None:
    """A query that needs two answers has two live leases of two labelers, never three."""
    await trial.propose("one", target_answers=2)
    callers = [await trial.invite() for _ in range(3)]
    counts = [len(await trial.lease(caller)) for caller in callers]
    expect(counts == [1, 1, 0], f"three labelers in turn got {counts} leases")


async def many_at_once_share_nothing(trial: Trial) -> None:
    """Five labelers that lease at the same moment get five different queries."""
    await trial.propose(*(f"q{number}" for number in range(5)))
    callers = [await trial.invite() for _ in range(5)]
    leased = await asyncio.gather(*(trial.lease(caller, wait_s=2) for caller in callers))
    got = sorted(lease.query.query_id for leases in leased for lease in leases)
    expect(len(got) == len(set(got)) == 5, f"they got {got}")


async def an_ended_lease_frees_the_query(trial: Trial) -> None:
    """When a lease ends unanswered, someone else gets the query."""
    (query_id,) = await trial.propose("one")
    await trial.lease_one(await trial.invite(), lease_s=1)
    leases = await trial.lease(await trial.invite(), wait_s=4)
    got = [lease.query.query_id for lease in leases]
    expect(got == [query_id], f"within 4 s of a lease of 1 s, another labeler got {got}")


async def a_renewed_lease_goes_on(trial: Trial) -> None:
    """RenewLease prolongs a live lease: past its first end no one else gets the query."""
    await trial.propose("one")
    holder = await trial.invite()
    lease = await trial.lease_one(holder, lease_s=1)
    request = pb.RenewLeaseRequest(lease_token=lease.lease_token, lease_s=60)
    reply = await holder.call("RenewLease", request)
    expect(55 < reply.remaining_s <= 60, f"renewed for 60 s, remaining_s is {reply.remaining_s}")
    expect(not await trial.lease(await trial.invite(), wait_s=1.5), "another labeler got it after 1.5 s")


async def an_ended_lease_is_not_renewed(trial: Trial) -> None:
    """RenewLease of a lease that has ended is FAILED_PRECONDITION."""
    await trial.propose("one")
    holder = await trial.invite()
    lease = await trial.lease_one(holder, lease_s=1)
    await asyncio.sleep(1.3)
    request = pb.RenewLeaseRequest(lease_token=lease.lease_token)
    await expect_refused(holder.call("RenewLease", request), _STATE, doing="RenewLease")


async def a_released_query_goes_to_someone_else(trial: Trial) -> None:
    """ReleaseQuery gives a query to others at once and never back to the caller; a repeat changes nothing."""
    (query_id,) = await trial.propose("one")
    first, second = await trial.invite(), await trial.invite()
    lease = await trial.lease_one(first)
    request = pb.ReleaseQueryRequest(lease_token=lease.lease_token)
    await first.call("ReleaseQuery", request)
    await first.call("ReleaseQuery", request)
    expect(not await trial.lease(first), "who released it got it back")
    got = [lease.query.query_id for lease in await trial.lease(second)]
    expect(got == [query_id], f"the next labeler got {got}, not {query_id!r}")


async def a_returned_query_may_come_again(trial: Trial) -> None:
    """ReleaseQuery with is_returned ends the lease: anyone may get the query, the caller too. A late answer is accepted."""
    (query_id,) = await trial.propose("one")
    caller, other = await trial.invite(), await trial.invite()
    lease = await trial.lease_one(caller)
    request = pb.ReleaseQueryRequest(lease_token=lease.lease_token, is_returned=True)
    for _ in range(2):
        await caller.call("ReleaseQuery", request)
    got = [lease.query.query_id for lease in await trial.lease(caller)]
    expect(got == [query_id], f"the caller got {got}, not {query_id!r} again")
    expect(not await trial.lease(other), "another got it while the caller held it again")
    row = await trial.submit(caller, lease, "late")
    expect(not row.is_extra, "an answer under the returned lease did not count")


async def a_released_lease_takes_no_answer(trial: Trial) -> None:
    """SubmitPreference under a lease that was released is FAILED_PRECONDITION."""
    await trial.propose("one")
    holder = await trial.invite()
    lease = await trial.lease_one(holder)
    await holder.call("ReleaseQuery", pb.ReleaseQueryRequest(lease_token=lease.lease_token))
    await expect_refused(trial.submit(holder, lease, "late"), _STATE, doing="SubmitPreference")


async def an_answered_query_does_not_come_back(trial: Trial) -> None:
    """A labeler that has answered a query doesn't get it again, even if it needs another answer."""
    await trial.propose("one", target_answers=2)
    first, second = await trial.invite(), await trial.invite()
    await trial.submit(first, await trial.lease_one(first), "a")
    expect(not await trial.lease(first), "who answered it got it again")
    expect(await trial.lease(second), "the second labeler did not get it")


async def another_labelers_lease_is_of_no_use(trial: Trial) -> None:
    """Another labeler's lease token is FAILED_PRECONDITION or NOT_FOUND in each call that takes one."""
    await trial.propose("one")
    lease = await trial.lease_one(await trial.invite())
    thief = await trial.invite()
    token = lease.lease_token
    refusals = (_STATE, grpc.StatusCode.NOT_FOUND)
    for method, request in (
        ("RenewLease", pb.RenewLeaseRequest(lease_token=token)),
        ("ReleaseQuery", pb.ReleaseQueryRequest(lease_token=token)),
        ("SubmitPreference", trial.answer(lease, "stolen")),
    ):
        await expect_refused(thief.call(method, request), *refusals, doing=method)


async def a_long_poll_ends_with_the_first_query(trial: Trial) -> None:
    """LeaseQueries with wait_s answers within 3 s of a query's arrival, long before its time is up."""
    waiting = asyncio.create_task(trial.lease(await trial.invite(), wait_s=15))
    await asyncio.sleep(0.5)
    expect(not waiting.done(), "it answered before there was a query")
    await trial.propose("one")
    began = time.monotonic()
    leases = await waiting
    took_s = time.monotonic() - began
    expect(len(leases) == 1 and took_s < 3, f"{len(leases)} leases after {took_s:.1f} s")


async def a_long_poll_ends_with_nothing(trial: Trial) -> None:
    """LeaseQueries answers OK without a lease when its wait_s is over."""
    began = time.monotonic()
    leases = await trial.lease(await trial.invite(), wait_s=1)
    took_s = time.monotonic() - began
    expect(not leases and 0.7 < took_s < 4, f"with wait_s 1: {len(leases)} leases after {took_s:.1f} s")


async def an_abandoned_long_poll_leases_nothing(trial: Trial) -> None:
    """When a caller hangs up in a long poll, the next query goes to someone else."""
    caller = await trial.invite()
    waiting = asyncio.create_task(trial.lease(caller, wait_s=15))
    await asyncio.sleep(0.3)
    waiting.cancel()
    await asyncio.wait({waiting})
    await asyncio.sleep(0.3)
    await trial.propose("one")
    expect(await trial.lease(await trial.invite(), wait_s=2), "no one else got the query")


LEASE_CHECKS = gather(
    (
        queries_are_leased_oldest_first,
        a_lease_says_what_it_must,
        a_query_is_leased_to_one,
        a_query_is_leased_to_as_many_as_it_wants,
        many_at_once_share_nothing,
        an_ended_lease_frees_the_query,
        a_renewed_lease_goes_on,
        an_ended_lease_is_not_renewed,
        a_released_query_goes_to_someone_else,
        a_returned_query_may_come_again,
        a_released_lease_takes_no_answer,
        an_answered_query_does_not_come_back,
        another_labelers_lease_is_of_no_use,
        a_long_poll_ends_with_the_first_query,
        a_long_poll_ends_with_nothing,
        an_abandoned_long_poll_leases_nothing,
    )
)
