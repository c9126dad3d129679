"""What a labeler promises about a run's life, from its first guidelines to what comes after its end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import grpc

from somersault.compliance.checks import expect, expect_refused, gather
from somersault.compliance.server_checks.trial import RIGHT, Caller, Trial
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2

__all__ = ["LIFE_CHECKS"]

_AT_ONCE_S = 5.0
_STATE = grpc.StatusCode.FAILED_PRECONDITION
_RESULT = pb.RunResult(env_steps=1000, num_labels=1, headline="It learned to turn.")
_RUNNING, _STOPPED, _FINISHED = pb.RUN_STATE_RUNNING, pb.RUN_STATE_STOPPED, pb.RUN_STATE_FINISHED


async def a_new_run_is_running(trial: Trial) -> None:
    """LeaseQueries, GetStats and ListRuns say that a new run is running."""
    await trial.propose("one")
    leased = await _ask(trial, await trial.invite(), wait_s=0)
    run = await _update(trial)
    told = (leased.run_state, (await _stats(trial)).run_state, run.state)
    expect(told == (_RUNNING,) * 3, f"LeaseQueries, GetStats and the run say {told}, not {_RUNNING}")


async def a_finished_run_leases_nothing_and_says_so(trial: Trial) -> None:
    """Of a finished run LeaseQueries returns nothing and says so within 5 s, whatever its wait_s; GetStats says so too."""
    caller = await trial.invite()
    await trial.propose("one")
    await _finish(trial)
    began = time.monotonic()
    reply = await _ask(trial, caller)
    took_s = time.monotonic() - began
    expect(not reply.leases, "a query of a finished run was leased")
    expect(reply.run_state == _FINISHED, f"LeaseQueries says run_state {reply.run_state}")
    expect(took_s < _AT_ONCE_S, f"with wait_s 20 it took {took_s:.1f} s")
    stats = await _stats(trial)
    expect(stats.run_state == _FINISHED, f"GetStats says run_state {stats.run_state}")


async def a_wait_ends_when_the_run_does(trial: Trial) -> None:
    """A LeaseQueries that waits answers within 5 s of the run's end, and says that it is finished."""
    waiting = asyncio.create_task(_ask(trial, await trial.invite()))
    await asyncio.sleep(0.5)
    expect(not waiting.done(), "it answered before anything happened")
    await _finish(trial)
    await asyncio.wait({waiting}, timeout=_AT_ONCE_S)
    if not waiting.done():
        waiting.cancel()
        await asyncio.wait({waiting})
        expect(False, f"it went on waiting for {_AT_ONCE_S:g} s")  # noqa: FBT003 - what is expected, not a flag
    expect((await waiting).run_state == _FINISHED, f"it says run_state {(await waiting).run_state}")


async def answers_are_taken_after_the_end(trial: Trial) -> None:
    """What is answered under a lease that was held when the run finished counts, and can be repeated."""
    caller = await trial.invite()
    await trial.propose("one")
    held = await trial.lease_one(caller)
    await _finish(trial)
    rows = [await trial.submit(caller, held, "late") for _ in range(2)]
    expect(rows[0] == rows[1] and not rows[0].is_extra, f"the answer and its repeat gave {rows}")


async def a_finished_run_has_a_result(trial: Trial) -> None:
    """GetStats tells everyone the result and its time; it is absent before, and gone if the run continues."""
    before = await _stats(trial)
    await _finish(trial)
    after = (await _stats(trial, await trial.invite())).result
    await _update(trial, state=_RUNNING)
    again = await _stats(trial)
    expect(not before.HasField("result"), f"before the end the result is {before.result}")
    got = (after.env_steps, after.num_labels, after.headline)
    expect(got == (1000, 1, _RESULT.headline), f"the result is {got}")
    expect(after.finish_time.seconds > 0, "finish_time is missing")
    expect(not again.HasField("result"), f"though it goes on the result is {again.result}")
    expect(again.run_state == _RUNNING, f"though it goes on run_state is {again.run_state}")


async def a_stopped_run_goes_on_leasing(trial: Trial) -> None:
    """A run whose services were stopped is leased as before, and says that it is stopped."""
    await trial.propose("one")
    await _update(trial, state=_STOPPED)
    reply = await _ask(trial, await trial.invite(), wait_s=0)
    got = (len(reply.leases), reply.run_state)
    expect(got == (1, _STOPPED), f"{got[0]} leases and run_state {got[1]}")


async def a_finished_run_neither_finishes_nor_rests(trial: Trial) -> None:
    """UpdateRun of a finished run is FAILED_PRECONDITION if it is to finish, to pause or to stop."""
    await _finish(trial)
    for change in ({"is_finishing": True}, {"is_paused": True}, {"state": _STOPPED}):
        await expect_refused(_update(trial, **change), _STATE, doing=f"UpdateRun of {change}")


async def followers_hear_of_the_end(trial: Trial) -> None:
    """WatchPreferences sends a message within 5 s of the run's end that says so, though no row comes with it."""
    request = pb.WatchPreferencesRequest(run_id=trial.run_id)
    stream: Any = trial.owner.stream("WatchPreferences", request, timeout_s=60)
    told = []
    try:
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.5)
        await _finish(trial)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_AT_ONCE_S):
                while _FINISHED not in told:
                    told.append((await reading).run_state)
                    reading = asyncio.ensure_future(anext(stream))
    finally:
        reading.cancel()
        await asyncio.wait({reading})
        await stream.aclose()
    expect(_FINISHED in told, f"within {_AT_ONCE_S:g} s it said {told}")


async def services_hear_what_owners_want(trial: Trial) -> None:
    """ReportProgress returns the label budget that an owner set, if any, and whether to finish."""
    service = await trial.invite(preference_pb2.ROLE_SERVICE)
    told = []
    for change in ({}, {"label_budget": 80}, {"is_finishing": True}):
        await _update(trial, **change)
        reply = await service.call("ReportProgress", pb.ReportProgressRequest(run_id=trial.run_id))
        told.append((reply.label_budget if reply.HasField("label_budget") else None, reply.is_finishing))
    expect(told == [(None, False), (80, False), (80, True)], f"before and after both it said {told}")
    budget = (await _stats(trial)).label_budget
    expect(budget == 80, f"GetStats says label_budget {budget}")


async def a_question_that_was_edited_stays(trial: Trial) -> None:
    """UpdateRun changes the question of leases and stats; CreateRun doesn't change it back."""
    await trial.propose("one")
    await _update(trial, question="Which one turns?")
    again = pb.CreateRunRequest(run_id=trial.run_id, task="compliance", question="Which one is better?")
    await trial.owner.call("CreateRun", again)
    reply = await _ask(trial, await trial.invite(), wait_s=0)
    told = {reply.leases[0].query.question, (await _stats(trial)).question}
    expect(told == {"Which one turns?"}, f"lease and stats ask {told}")


async def a_tasks_guidelines_are_the_first_version(trial: Trial) -> None:
    """CreateRun's guidelines become version 1 of a run without any; later ones of the same kind change nothing."""
    for text in ("Whole flips.", "Half flips."):
        request = pb.CreateRunRequest(run_id=trial.run_id, task="compliance", guidelines=text)
        await trial.owner.call("CreateRun", request)
    newest = await trial.owner.call("GetGuidelines", pb.GetGuidelinesRequest(run_id=trial.run_id))
    got = (newest.version, newest.text)
    expect(got == (1, "Whole flips."), f"the newest guidelines are {got}")


async def own_answers_are_listed(trial: Trial) -> None:
    """ListOwnAnswers returns the caller's answers alone, newest first, each in its newest version."""
    caller, other = await trial.invite(), await trial.invite()
    await trial.answer_all(caller, "one", "two")
    await trial.answer_all(other, "three")
    change = pb.RevisePreferenceRequest(answer_id=trial.name("one"), version=2, preference=RIGHT)
    await caller.call("RevisePreference", change)
    reply = await caller.call("ListOwnAnswers", pb.ListOwnAnswersRequest(run_id=trial.run_id))
    got = [(answer.answer_id, answer.version) for answer in reply.answers]
    wanted = [(trial.name("two"), 1), (trial.name("one"), 2)]
    expect(got == wanted, f"it gave {got}, not {wanted}")


async def a_policys_clip_must_be_stored(trial: Trial) -> None:
    """AddPolicyClip is INVALID_ARGUMENT for a clip that doesn't exist or isn't under the run's policy-clips/; then nothing is listed."""
    clip = pb.PolicyClip(policy_version=1, clip_sha256="0" * 64, duration_s=1.5)
    for clip_uri in (
        f"{trial.run_id}/policy-clips/1.mp4",
        "another-run/policy-clips/1.mp4",
        f"{trial.run_id}/tokens.json",
    ):
        request = pb.AddPolicyClipRequest(run_id=trial.run_id, clip=clip, clip_uri=clip_uri)
        adding = trial.owner.call("AddPolicyClip", request)
        await expect_refused(adding, grpc.StatusCode.INVALID_ARGUMENT, doing=f"AddPolicyClip of {clip_uri}")
    listed = await trial.owner.call("ListPolicyClips", pb.ListPolicyClipsRequest(run_id=trial.run_id))
    expect(not listed.clips, f"it lists {listed.clips}")


async def _update(trial: Trial, **change: Any) -> pb.Run:
    request = pb.UpdateRunRequest(run_id=trial.run_id, **change)
    run: pb.Run = (await trial.owner.call("UpdateRun", request)).run
    return run


async def _finish(trial: Trial) -> None:
    await _update(trial, state=_FINISHED, result=_RESULT)


async def _stats(trial: Trial, caller: Caller | None = None) -> pb.GetStatsResponse:
    request = pb.GetStatsRequest(run_id=trial.run_id)
    stats: pb.GetStatsResponse = await (caller or trial.owner).call("GetStats", request)
    return stats


async def _ask(trial: Trial, caller: Caller, *, wait_s: float = 20) -> pb.LeaseQueriesResponse:
    request = pb.LeaseQueriesRequest(run_id=trial.run_id, count=1, wait_s=wait_s, lease_s=60)
    reply: pb.LeaseQueriesResponse = await caller.call("LeaseQueries", request, timeout_s=wait_s + 10)
    return reply


LIFE_CHECKS = gather(
    (
        a_new_run_is_running,
        a_finished_run_leases_nothing_and_says_so,
        a_wait_ends_when_the_run_does,
        answers_are_taken_after_the_end,
        a_finished_run_has_a_result,
        a_stopped_run_goes_on_leasing,
        a_finished_run_neither_finishes_nor_rests,
        followers_hear_of_the_end,
        services_hear_what_owners_want,
        a_question_that_was_edited_stays,
        a_tasks_guidelines_are_the_first_version,
        own_answers_are_listed,
        a_policys_clip_must_be_stored,
    )
)
