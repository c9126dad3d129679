"""What a labeler promises about answers and their changes."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from somersault.compliance.checks import expect, expect_refused, gather
from somersault.compliance.server_checks.trial import LEFT, RIGHT, Caller, Trial
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2

__all__ = ["ANSWER_CHECKS"]

_STATE = grpc.StatusCode.FAILED_PRECONDITION
_TAKEN = grpc.StatusCode.ALREADY_EXISTS
_NUM_REVISABLE = 10


async def an_answer_becomes_a_row(trial: Trial) -> None:
    """SubmitPreference returns the answer's row: names, version 1, and the sides as leased."""
    await trial.propose("one")
    caller = await trial.invite()
    lease = await trial.lease_one(caller)
    row = await trial.submit(caller, lease, "a", preference_pb2.PREFERENCE_EQUAL)
    got = (row.run_id, row.query_id, row.answer_id, row.version, row.preference)
    wanted = (trial.run_id, lease.query.query_id, trial.name("a"), 1, preference_pb2.PREFERENCE_EQUAL)
    expect(got == wanted, f"run, query, answer, version, preference are {got}, not {wanted}")
    sides = (row.left.segment_id, row.right.segment_id)
    leased = (lease.query.left.segment_id, lease.query.right.segment_id)
    expect(sides == leased, f"left and right are {sides}, leased as {leased}")
    expect(row.labeler_id == caller.labeler_id, f"labeler_id is {row.labeler_id!r}")
    expect(row.response_ms == 1500, f"response_ms is {row.response_ms}, not 1500")
    expect(row.cursor >= 1 and row.commit_time.seconds > 0, f"cursor {row.cursor}, {row.commit_time}")


async def a_repeat_gets_the_first_reply(trial: Trial) -> None:
    """SubmitPreference repeated with the same answer_id and content returns the same row and adds none."""
    await trial.propose("one")
    caller = await trial.invite()
    lease = await trial.lease_one(caller)
    rows = [await trial.submit(caller, lease, "a") for _ in range(3)]
    expect(rows[0] == rows[1] == rows[2], f"the replies differ: {[row.cursor for row in rows]}")
    expect(len(await trial.log()) == 1, f"the log has {len(await trial.log())} rows after three repeats")


async def copies_at_once_count_once(trial: Trial) -> None:
    """Five copies of an answer that arrive together all end OK with the same row; the log has one."""
    await trial.propose("one")
    caller = await trial.invite()
    lease = await trial.lease_one(caller)
    rows = await asyncio.gather(*(trial.submit(caller, lease, "a") for _ in range(5)))
    expect(all(row == rows[0] for row in rows), f"the replies differ: {[row.cursor for row in rows]}")
    expect(len(await trial.log()) == 1, f"the log has {len(await trial.log())} rows")


async def an_answer_id_stands_for_one_content(trial: Trial) -> None:
    """The same answer_id with another preference is ALREADY_EXISTS, and the log keeps the first."""
    await trial.propose("one")
    caller = await trial.invite()
    lease = await trial.lease_one(caller)
    await trial.submit(caller, lease, "a", LEFT)
    changed = trial.submit(caller, lease, "a", RIGHT)
    await expect_refused(changed, _TAKEN, doing="the changed repeat")
    got = [row.preference for row in await trial.log()]
    expect(got == [LEFT], f"the log has {got}, not the first answer alone")


async def an_answer_id_stands_for_one_query(trial: Trial) -> None:
    """The answer_id of one query's answer is ALREADY_EXISTS for another query's, from any caller."""
    await trial.propose("one", "two")
    first, second = await trial.invite(), await trial.invite()
    await trial.submit(first, await trial.lease_one(first), "a")
    lease = await trial.lease_one(second)
    await expect_refused(trial.submit(second, lease, "a"), _TAKEN, doing="the second use")


async def a_lease_takes_one_answer(trial: Trial) -> None:
    """A second answer under an answered lease is FAILED_PRECONDITION."""
    await trial.propose("one")
    caller = await trial.invite()
    lease = await trial.lease_one(caller)
    await trial.submit(caller, lease, "a")
    await expect_refused(trial.submit(caller, lease, "b"), _STATE, doing="the second answer")


async def a_late_answer_counts_while_one_is_wanted(trial: Trial) -> None:
    """An answer after its lease's end counts if no one else has answered."""
    await trial.propose("one")
    caller = await trial.invite()
    lease = await trial.lease_one(caller, lease_s=1)
    await asyncio.sleep(1.3)
    await trial.submit(caller, lease, "late")
    (row,) = await trial.log()
    expect(not row.is_extra, "the log's row is marked extra")


async def a_late_answer_too_many_is_an_extra(trial: Trial) -> None:
    """An answer after its lease's end is kept and marked extra if the query has its answers; a repeat says the same."""
    await trial.propose("one")
    slow, quick = await trial.invite(), await trial.invite()
    lease = await trial.lease_one(slow, lease_s=1)
    await asyncio.sleep(1.3)
    await trial.submit(quick, await trial.lease_one(quick, wait_s=3), "quick")
    rows = [await trial.submit(slow, lease, "slow") for _ in range(2)]
    expect(rows[0] == rows[1], "the repeat's reply differs")
    got = [(row.answer_id.rpartition("-")[2], row.is_extra) for row in await trial.log()]
    expect(got == [("quick", False), ("slow", True)], f"the log has (answer, is_extra) {got}")


async def a_changed_answer_is_a_new_version(trial: Trial) -> None:
    """RevisePreference adds version 2, returns the same row when repeated, and the log keeps both."""
    caller = await trial.invite()
    await trial.answer_all(caller, "one")
    rows = [await _revise(trial, caller, "one", version=2, preference=RIGHT) for _ in range(2)]
    expect(rows[0] == rows[1], "the repeat's reply differs")
    got = [(row.version, row.preference) for row in await trial.log()]
    expect(got == [(1, LEFT), (2, RIGHT)], f"the log has (version, preference) {got}")


async def versions_follow_each_other(trial: Trial) -> None:
    """A version that leaves one out is INVALID_ARGUMENT, one that says something else now ALREADY_EXISTS."""
    caller = await trial.invite()
    await trial.answer_all(caller, "one")
    leap = _revise(trial, caller, "one", version=3, preference=RIGHT)
    await expect_refused(leap, grpc.StatusCode.INVALID_ARGUMENT, naming="version", doing="version 3")
    await _revise(trial, caller, "one", version=2, preference=RIGHT)
    other = _revise(trial, caller, "one", version=2, preference=LEFT)
    await expect_refused(other, _TAKEN, doing="version 2 with another preference")


async def the_newest_ten_can_be_changed(trial: Trial) -> None:
    """Of eleven answers the second can be changed, the first is FAILED_PRECONDITION."""
    caller = await trial.invite()
    words = [f"q{number}" for number in range(_NUM_REVISABLE + 1)]
    await trial.answer_all(caller, *words)
    await _revise(trial, caller, words[1], version=2, preference=RIGHT)
    oldest = _revise(trial, caller, words[0], version=2, preference=RIGHT)
    await expect_refused(oldest, _STATE, doing="changing the eleventh newest")


async def another_labelers_answer_can_not_be_changed(trial: Trial) -> None:
    """RevisePreference of another labeler's answer is NOT_FOUND, and the log stays."""
    caller, other = await trial.invite(), await trial.invite()
    await trial.answer_all(caller, "one")
    change = _revise(trial, other, "one", version=2, preference=RIGHT)
    await expect_refused(change, grpc.StatusCode.NOT_FOUND, doing="RevisePreference")
    expect(len(await trial.log()) == 1, "the log grew")


async def a_clip_is_for_who_leased_it(trial: Trial) -> None:
    """GetClip without a lease or an own answer is refused: NOT_FOUND or FAILED_PRECONDITION."""
    (query_id,) = await trial.propose("one")
    request = pb.GetClipRequest(query_id=query_id, side=LEFT)
    stranger = await trial.invite()
    await expect_refused(stranger.call("GetClip", request), grpc.StatusCode.NOT_FOUND, _STATE)


async def _revise(trial: Trial, caller: Caller, word: str, *, version: int, preference: Any) -> Any:
    request = pb.RevisePreferenceRequest(answer_id=trial.name(word), version=version, preference=preference)
    return (await caller.call("RevisePreference", request)).record


ANSWER_CHECKS = gather(
    (
        an_answer_becomes_a_row,
        a_repeat_gets_the_first_reply,
        copies_at_once_count_once,
        an_answer_id_stands_for_one_content,
        an_answer_id_stands_for_one_query,
        a_lease_takes_one_answer,
        a_late_answer_counts_while_one_is_wanted,
        a_late_answer_too_many_is_an_extra,
        a_changed_answer_is_a_new_version,
        versions_follow_each_other,
        the_newest_ten_can_be_changed,
        another_labelers_answer_can_not_be_changed,
        a_clip_is_for_who_leased_it,
    )
)
