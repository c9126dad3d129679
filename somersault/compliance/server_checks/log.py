"""What a labeler promises about proposals, the log, counts, weights and guidelines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc

from somersault.compliance.checks import expect, expect_refused, gather
from somersault.compliance.server_checks.trial import LEFT, RIGHT, Trial
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2

__all__ = ["LOG_CHECKS"]


async def a_repeated_proposal_is_the_same_query(trial: Trial) -> None:
    """ProposeQueries with a known proposal_id gives the same query; for other segments it is ALREADY_EXISTS."""
    first = await trial.propose("one", "two")
    expect(await trial.propose("one", "two") == first, "a repeat made other queries")
    changed = pb.ProposeQueriesRequest(run_id=trial.run_id, proposals=[trial.proposal("one", second="other")])
    taken = grpc.StatusCode.ALREADY_EXISTS
    await expect_refused(trial.owner.call("ProposeQueries", changed), taken, doing="the changed proposal")


async def a_withdrawn_query_is_not_asked(trial: Trial) -> None:
    """WithdrawQueries names what it withdrew, not what was answered; withdrawn queries are not leased."""
    caller = await trial.invite()
    query_ids = await trial.propose("one", "two", "three")
    await trial.submit(caller, await trial.lease_one(caller), "one")
    request = pb.WithdrawQueriesRequest(run_id=trial.run_id, query_ids=query_ids[:2])
    for _ in range(2):
        reply = await trial.owner.call("WithdrawQueries", request)
        got = list(reply.withdrawn_query_ids)
        expect(got == query_ids[1:2], f"of an answered and a ready query it withdrew {got}")
    got = [lease.query.query_id for lease in await trial.lease(caller, count=3)]
    expect(got == query_ids[2:], f"after that LeaseQueries gave {got}")


async def the_log_is_followed_from_a_cursor(trial: Trial) -> None:
    """WatchPreferences sends the rows after the cursor in order without gaps, then each new one within 5 s."""
    caller = await trial.invite()
    await trial.answer_all(caller, "one", "two", "three")
    async with _watching(trial, cursor=1) as stream:
        got = await _read(stream, 2)
        await trial.answer_all(caller, "four")
        got += await _read(stream, 1)
    expect(got == [2, 3, 4], f"followed from 1, the cursors were {got}")


async def many_answers_leave_no_gap(trial: Trial) -> None:
    """Answers of five labelers at once have the cursors 1, 2, 3, …, each once, in the order they are sent."""
    callers = [await trial.invite() for _ in range(5)]
    await trial.propose(*(f"q{number}" for number in range(20)))

    async def answer(number: int) -> None:
        for place, lease in enumerate(await trial.lease(callers[number], count=4)):
            await trial.submit(callers[number], lease, f"{number}-{place}")

    async with _watching(trial, cursor=0) as stream:
        await asyncio.gather(*map(answer, range(5)))
        got = await _read(stream, 20)
    expect(got == list(range(1, 21)), f"the cursors were {got}")


async def a_cursor_past_the_end_is_refused(trial: Trial) -> None:
    """WatchPreferences from a cursor that the log doesn't have is INVALID_ARGUMENT and names cursor."""
    request = pb.WatchPreferencesRequest(run_id=trial.run_id, cursor=7)
    stream = trial.owner.stream("WatchPreferences", request, timeout_s=5)
    refused = grpc.StatusCode.INVALID_ARGUMENT
    await expect_refused(anext(stream), refused, naming="cursor", doing="cursor 7 of an empty log")


async def an_export_is_the_log(trial: Trial) -> None:
    """ExportPreferences sends every row once, the same ones that WatchPreferences sends, and ends."""
    await trial.answer_all(await trial.invite(), "one", "two", "three")
    exported = [row.cursor for row in await trial.log()]
    async with _watching(trial, cursor=0) as stream:
        watched = await _read(stream, 3)
    expect(exported == watched == [1, 2, 3], f"exported {exported}, watched {watched}")


async def stats_count(trial: Trial) -> None:
    """GetStats counts queries by state, answers by kind, the caller's own, and names the newest cursor."""
    caller = await trial.invite()
    await trial.propose("one", "two", "three", "four")
    leases = await trial.lease(caller, count=3)
    await trial.submit(caller, leases[0], "one", LEFT)
    await trial.submit(caller, leases[1], "two", RIGHT)
    stats = await caller.call("GetStats", pb.GetStatsRequest(run_id=trial.run_id))
    names = ("num_ready", "num_leased", "num_answered", "num_left", "num_right", "num_own", "newest_cursor")
    got = {name: getattr(stats, name) for name in names}
    expect(got["num_leased"] == 1 and got["num_answered"] == 2, f"one is leased, two are answered: {got}")
    expect((got["num_left"], got["num_right"], got["num_own"]) == (1, 1, 2), f"one of each side: {got}")
    expect(got["newest_cursor"] == 2, f"the log has two rows: {got}")


async def labelers_are_blind_to_each_other(trial: Trial) -> None:
    """Neither a lease nor GetStats tells a labeler how others answered, or how many have."""
    first, second = await trial.invite(), await trial.invite()
    person = await trial.invite(preference_pb2.ROLE_LABELER)
    await trial.propose("one", target_answers=3)
    await trial.submit(first, await trial.lease_one(first), "one")
    query = (await trial.lease_one(second)).query
    expect((query.num_answers, query.target_answers) == (0, 0), f"the lease tells {query}")
    stats = await person.call("GetStats", pb.GetStatsRequest(run_id=trial.run_id))
    told = stats.num_left + stats.num_right + stats.num_equal + stats.num_incomparable
    expect(told == 0, f"GetStats tells a labeler of {told} answers by kind")


async def a_weight_has_its_place_in_the_log(trial: Trial) -> None:
    """SetLabelerWeight adds a WeightChange to the log, which callers with is_complete get; a repeat adds none."""
    caller = await trial.invite()
    await trial.answer_all(caller, "one")
    request = pb.SetLabelerWeightRequest(run_id=trial.run_id, labeler_id=caller.labeler_id, weight=0)
    for _ in range(2):
        await trial.owner.call("SetLabelerWeight", request)
    export = pb.ExportPreferencesRequest(run_id=trial.run_id, is_complete=True)
    changes = [
        (change.cursor, change.labeler_id == caller.labeler_id, change.weight)
        async for response in trial.owner.stream("ExportPreferences", export)
        for change in response.weight_changes
    ]
    expect(changes == [(2, True, 0.0)], f"the log has (cursor, is of the labeler, weight) {changes}")


async def an_excluded_labeler_gets_no_more(trial: Trial) -> None:
    """A labeler of weight 0 leases nothing in that run, and again after it has a weight."""
    caller = await trial.invite()
    await trial.propose("one")
    counts = []
    for weight in (0, 1):
        request = pb.SetLabelerWeightRequest(
            run_id=trial.run_id, labeler_id=caller.labeler_id, weight=weight, reason="compliance"
        )
        await trial.owner.call("SetLabelerWeight", request)
        counts.append(len(await trial.lease(caller)))
    expect(counts == [0, 1], f"with weight 0, then 1, it got {counts} leases")


async def guidelines_have_versions(trial: Trial) -> None:
    """SetGuidelines numbers each new text from 1; a lease and its answer carry the version in force."""
    caller = await trial.invite()
    versions = []
    for text in ("Only *whole* flips.", "Only *whole* flips.", "Half ones too."):
        request = pb.SetGuidelinesRequest(run_id=trial.run_id, text=text)
        versions.append((await trial.owner.call("SetGuidelines", request)).version)
    expect(versions == [1, 1, 2], f"a text, the same, another: versions {versions}")
    await trial.propose("one")
    lease = await trial.lease_one(caller)
    row = await trial.submit(caller, lease, "one")
    got = (lease.query.guidelines_version, row.guidelines_version)
    expect(got == (2, 2), f"lease and row have versions {got}")
    first = await caller.call("GetGuidelines", pb.GetGuidelinesRequest(run_id=trial.run_id, version=1))
    expect(first.text == "Only *whole* flips.", f"version 1 is {first.text!r}")


async def a_paused_run_gives_nothing(trial: Trial) -> None:
    """While UpdateRun has is_paused nothing is leased, and the reply says so; leased queries may be answered. Afterwards leasing continues."""
    caller, other = await trial.invite(), await trial.invite()
    await trial.propose("one", "two")
    held = await trial.lease_one(caller)
    await trial.owner.call("UpdateRun", pb.UpdateRunRequest(run_id=trial.run_id, is_paused=True))
    request = pb.LeaseQueriesRequest(run_id=trial.run_id, count=1)
    reply = await other.call("LeaseQueries", request)
    expect(not reply.leases and reply.is_paused, f"while paused LeaseQueries gave {reply}")
    await trial.submit(caller, held, "one")
    await trial.owner.call("UpdateRun", pb.UpdateRunRequest(run_id=trial.run_id, is_paused=False))
    expect(await trial.lease(other), "nothing is leased after the pause")


async def progress_is_kept_in_order(trial: Trial) -> None:
    """ReportProgress adds points 1, 2, …; GetRunProgress returns those after a cursor, oldest first."""
    service = await trial.invite(preference_pb2.ROLE_SERVICE)
    for env_steps in (1000, 2000):
        point = pb.ProgressPoint(env_steps=env_steps, label_budget=60)
        await service.call("ReportProgress", pb.ReportProgressRequest(run_id=trial.run_id, point=point))
    got = []
    for cursor in (0, 1, 2):
        request = pb.GetRunProgressRequest(run_id=trial.run_id, cursor=cursor)
        reply = await trial.owner.call("GetRunProgress", request)
        got.append([(point.number, point.env_steps) for point in reply.points])
        expect(reply.cursor == 2, f"from {cursor} the cursor is {reply.cursor}, not 2")
    expect(got == [[(1, 1000), (2, 2000)], [(2, 2000)], []], f"from 0, 1 and 2 it gave {got}")


async def an_unknown_run_is_not_found(trial: Trial) -> None:
    """Calls that name an unknown run are NOT_FOUND."""
    name = trial.name("nobody")
    missing = grpc.StatusCode.NOT_FOUND
    proposals = [trial.proposal("one", run_id=name)]
    for method, request in (
        ("GetStats", pb.GetStatsRequest(run_id=name)),
        ("ListQueries", pb.ListQueriesRequest(run_id=name)),
        ("ProposeQueries", pb.ProposeQueriesRequest(run_id=name, proposals=proposals)),
        ("GetGuidelines", pb.GetGuidelinesRequest(run_id=name)),
    ):
        await expect_refused(trial.owner.call(method, request), missing, doing=method)


@contextlib.asynccontextmanager
async def _watching(trial: Trial, *, cursor: int) -> AsyncIterator[Any]:
    request = pb.WatchPreferencesRequest(run_id=trial.run_id, cursor=cursor)
    stream: Any = trial.owner.stream("WatchPreferences", request, timeout_s=60)
    try:
        yield stream
    finally:
        await stream.aclose()


async def _read(stream: Any, count: int) -> list[int]:
    """Return the cursors of the next rows; fewer if they don't come within 5 s."""
    cursors: list[int] = []
    with contextlib.suppress(TimeoutError, StopAsyncIteration):
        async with asyncio.timeout(5):
            while len(cursors) < count:
                cursors += [record.cursor for record in (await anext(stream)).records]
    return cursors


LOG_CHECKS = gather(
    (
        a_repeated_proposal_is_the_same_query,
        a_withdrawn_query_is_not_asked,
        the_log_is_followed_from_a_cursor,
        many_answers_leave_no_gap,
        a_cursor_past_the_end_is_refused,
        an_export_is_the_log,
        stats_count,
        labelers_are_blind_to_each_other,
        a_weight_has_its_place_in_the_log,
        an_excluded_labeler_gets_no_more,
        guidelines_have_versions,
        a_paused_run_gives_nothing,
        progress_is_kept_in_order,
        an_unknown_run_is_not_found,
    )
)
