"""A run's life: its states, who hears of them and how soon, its budget, its question, its end and its result."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from somersault.domain.roles import Role
from somersault.errors import FailedPreconditionError, InvalidInputError, NotFoundError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, refused, submit

RESULT = pb.RunResult(env_steps=200_000, num_labels=60, headline="It turns twice.", true_return_mean=31.5)


async def _update(labeler: RunningLabeler, *, role: Role = Role.OWNER, **change: Any) -> pb.Run:
    request = pb.UpdateRunRequest(run_id=RUN_ID, **change)
    run: pb.Run = (await labeler.as_role(role).UpdateRun(request)).run
    return run


async def _refused(labeler: RunningLabeler, **change: Any) -> Exception:
    request = pb.UpdateRunRequest(run_id=RUN_ID, **change)
    return await refused(labeler.as_role(Role.OWNER).UpdateRun(request))


async def _stats(labeler: RunningLabeler, role: Role = Role.LABELER) -> pb.GetStatsResponse:
    response: pb.GetStatsResponse = await labeler.as_role(role).GetStats(pb.GetStatsRequest(run_id=RUN_ID))
    return response


async def _ask(labeler: RunningLabeler, **request: Any) -> tuple[pb.LeaseQueriesResponse, float]:
    """Lease as a teacher; return the response and how many seconds it took."""
    began = time.monotonic()
    asked = pb.LeaseQueriesRequest(**{"run_id": RUN_ID, "count": 1, "wait_s": 20.0, **request})
    return await labeler.as_role(Role.TEACHER).LeaseQueries(asked), time.monotonic() - began


async def _report(labeler: RunningLabeler, **figures: Any) -> pb.ReportProgressResponse:
    request = pb.ReportProgressRequest(run_id=RUN_ID, point=pb.ProgressPoint(**figures))
    response: pb.ReportProgressResponse = await labeler.as_role(Role.SERVICE).ReportProgress(request)
    return response


async def _listed(labeler: RunningLabeler, role: Role = Role.OWNER) -> pb.Run:
    response: pb.ListRunsResponse = await labeler.as_role(role).ListRuns(pb.ListRunsRequest())
    return response.runs[0]


async def _create(labeler: RunningLabeler, **fields: Any) -> None:
    request = pb.CreateRunRequest(**{"run_id": RUN_ID, "task": "hopper-backflip", **fields})
    await labeler.as_role(Role.SERVICE).CreateRun(request)


async def test_a_new_run_is_running(labeler: RunningLabeler) -> None:
    """To everybody who may ask, without a result or a budget."""
    run, stats = await _listed(labeler), await _stats(labeler)

    assert (run.state, stats.run_state) == (pb.RUN_STATE_RUNNING, pb.RUN_STATE_RUNNING)
    assert (run.label_budget, stats.label_budget, stats.num_awaited) == (0, 0, 0)
    assert not run.HasField("result")
    assert not run.HasField("newest_point")
    assert not stats.HasField("result")
    assert stats.task == "hopper-backflip"


@pytest.mark.parametrize(
    ("change", "state", "num_leased"),
    [
        ({"state": pb.RUN_STATE_STOPPED}, pb.RUN_STATE_STOPPED, 1),
        ({"is_paused": True}, pb.RUN_STATE_PAUSED, 0),
        ({"state": pb.RUN_STATE_STOPPED, "is_paused": True}, pb.RUN_STATE_PAUSED, 0),
        ({"state": pb.RUN_STATE_FINISHED}, pb.RUN_STATE_FINISHED, 0),
    ],
)
async def test_only_running_and_stopped_runs_lease(
    labeler: RunningLabeler, change: dict[str, Any], state: int, num_leased: int
) -> None:
    """And each answer says where the run is, without waiting where there is nothing to wait for."""
    await labeler.propose("a", "b")
    assert (await _update(labeler, **change)).state == state

    reply, took_s = await _ask(labeler)
    anyones, _ = await _ask(labeler, run_id="", wait_s=0)

    assert (len(reply.leases), reply.run_state) == (num_leased, state)
    assert (len(anyones.leases), anyones.run_state) == (num_leased, pb.RUN_STATE_UNSPECIFIED)
    assert reply.is_paused == (state == pb.RUN_STATE_PAUSED)
    assert took_s < 15
    assert (await _stats(labeler)).run_state == state


async def test_who_asks_a_resting_run_again_and_again_is_slowed_down(labeler: RunningLabeler) -> None:
    """A client that knows nothing of states asks at once after an empty reply: that must not be a storm of calls."""
    await _update(labeler, state=pb.RUN_STATE_FINISHED)
    _, waiting_s = await _ask(labeler)
    _, looking_s = await _ask(labeler, wait_s=0)
    assert waiting_s >= 0.4
    assert looking_s < waiting_s


@pytest.mark.parametrize(
    "change", [{"is_paused": True}, {"state": pb.RUN_STATE_STOPPED}, {"state": pb.RUN_STATE_FINISHED}]
)
async def test_waiting_ends_when_the_run_rests(labeler: RunningLabeler, change: dict[str, Any]) -> None:
    """A page that waits for a pair hears that none comes, not at the end of its wait."""
    waiting = asyncio.create_task(_ask(labeler))
    await asyncio.sleep(0.2)
    run = await _update(labeler, **change)
    reply, took_s = await waiting
    assert (list(reply.leases), reply.run_state) == ([], run.state)
    assert took_s < 15


async def test_answers_under_leases_count_after_the_end(labeler: RunningLabeler) -> None:
    """Under a live lease and under one that has ended."""
    await labeler.propose("a", "b")
    teacher = labeler.as_role(Role.TEACHER)
    (ended,) = await lease(teacher, lease_s=1)
    (live,) = await lease(teacher)
    await _update(labeler, state=pb.RUN_STATE_FINISHED)
    await asyncio.sleep(1.1)

    rows = [await submit(teacher, one.lease_token, f"a{i}") for i, one in enumerate((ended, live))]

    assert [row.is_extra for row in rows] == [False, False]
    assert (await _stats(labeler)).num_answered == 2


async def test_followers_of_the_log_hear_of_each_state(labeler: RunningLabeler) -> None:
    """At once, though no row comes with it; whoever comes later hears of it first."""
    stub = labeler.as_role(Role.SERVICE)
    follower = stub.WatchPreferences(pb.WatchPreferencesRequest(run_id=RUN_ID))
    told = []
    for change in (
        {"is_paused": True},
        {"is_paused": False},
        {"state": pb.RUN_STATE_STOPPED},
        {"state": pb.RUN_STATE_FINISHED},
    ):
        await asyncio.sleep(0.3)
        await _update(labeler, **change)
        async with asyncio.timeout(20):
            told.append((await follower.read()).run_state)
    late = stub.WatchPreferences(pb.WatchPreferencesRequest(run_id=RUN_ID))
    async with asyncio.timeout(5):
        first = await late.read()

    assert told == [
        pb.RUN_STATE_PAUSED,
        pb.RUN_STATE_RUNNING,
        pb.RUN_STATE_STOPPED,
        pb.RUN_STATE_FINISHED,
    ]
    assert (first.run_state, list(first.records)) == (pb.RUN_STATE_FINISHED, [])
    for stream in (follower, late):
        stream.cancel()


async def test_a_result_is_kept_and_told_to_who_answered(labeler: RunningLabeler) -> None:
    """With the database's time; a service, which may know no true return, is told neither that nor the sentence."""
    own = (await _update(labeler, role=Role.SERVICE, state=pb.RUN_STATE_FINISHED, result=RESULT)).result

    told = {role: (await _stats(labeler, role)).result for role in Role}
    listed = (await _listed(labeler)).result

    for result in (*told.values(), listed):
        assert (result.env_steps, result.num_labels) == (200_000, 60)
        assert abs(result.finish_time.seconds - time.time()) < 60
    knowing = {role for role, result in told.items() if result.HasField("true_return_mean")}
    assert knowing == set(Role) - {Role.SERVICE}
    assert {role for role, result in told.items() if result.headline == "It turns twice."} == knowing
    assert (listed.headline, listed.true_return_mean) == ("It turns twice.", 31.5)
    for hidden in (told[Role.SERVICE], own, (await _listed(labeler, Role.SERVICE)).result):
        assert (hidden.headline, hidden.HasField("true_return_mean")) == ("", False)


async def test_a_run_that_finishes_without_a_word_has_its_own_figures(labeler: RunningLabeler) -> None:
    """Nobody need know them to finish it."""
    await labeler.propose("a")
    teacher = labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher)
    await submit(teacher, held.lease_token, "a1")
    await _report(labeler, env_steps=40_960, total_env_steps=200_000)

    result = (await _update(labeler, state=pb.RUN_STATE_FINISHED)).result

    assert (result.env_steps, result.num_labels, result.headline) == (40_960, 1, "")
    assert not result.HasField("true_return_mean")


async def test_finishing_again_changes_the_result_and_not_its_time(labeler: RunningLabeler) -> None:
    """A result that comes a moment after the end takes the first one's place."""
    first = (await _update(labeler, state=pb.RUN_STATE_FINISHED)).result
    await asyncio.sleep(0.05)
    second = (await _update(labeler, state=pb.RUN_STATE_FINISHED, result=RESULT)).result
    third = (await _update(labeler, state=pb.RUN_STATE_FINISHED)).result
    assert first.finish_time == second.finish_time == third.finish_time
    assert second == third
    assert third.headline == RESULT.headline


async def test_a_finished_run_can_be_taken_up_again(labeler: RunningLabeler) -> None:
    """With more steps or more labels: it leases again, has no result, and is not told to finish."""
    await labeler.propose("a")
    await _update(labeler, is_finishing=True)
    await _update(labeler, state=pb.RUN_STATE_FINISHED, result=RESULT)
    assert not (await _report(labeler)).is_finishing

    run = await _update(labeler, state=pb.RUN_STATE_RUNNING)

    assert (run.state, run.is_finishing, run.HasField("result")) == (pb.RUN_STATE_RUNNING, False, False)
    assert not (await _report(labeler)).is_finishing
    assert len((await _ask(labeler))[0].leases) == 1


@pytest.mark.parametrize(
    "change", [{"is_finishing": True}, {"is_paused": True}, {"state": pb.RUN_STATE_STOPPED}]
)
async def test_what_is_finished_neither_finishes_nor_rests(
    labeler: RunningLabeler, change: dict[str, Any]
) -> None:
    """FAILED_PRECONDITION, and nothing of it happens."""
    await _update(labeler, state=pb.RUN_STATE_FINISHED)
    assert isinstance(await _refused(labeler, **change), FailedPreconditionError)
    assert (await _listed(labeler)).state == pb.RUN_STATE_FINISHED


async def test_an_early_finish_can_be_repeated_after_the_end(labeler: RunningLabeler) -> None:
    """A page that pressed the button and missed the reply presses it again; taking it back is too late."""
    await _update(labeler, is_finishing=True)
    await _update(labeler, state=pb.RUN_STATE_FINISHED)
    assert (await _update(labeler, is_finishing=True)).is_finishing
    assert isinstance(await _refused(labeler, is_finishing=False), FailedPreconditionError)


async def test_a_paused_run_that_finishes_is_not_paused_any_more(labeler: RunningLabeler) -> None:
    """There is nothing left to go on with."""
    await _update(labeler, is_paused=True)
    run = await _update(labeler, state=pb.RUN_STATE_FINISHED)
    assert (run.state, run.is_paused) == (pb.RUN_STATE_FINISHED, False)


async def test_services_hear_of_budget_and_finish_with_their_next_report(labeler: RunningLabeler) -> None:
    """Absent while no owner has said anything: the reward service keeps to its own settings then."""
    before = await _report(labeler, label_budget=60)
    await _update(labeler, label_budget=80, is_finishing=True)
    after = await _report(labeler, label_budget=60)

    assert (before.HasField("label_budget"), before.is_finishing) == (False, False)
    assert (after.label_budget, after.is_finishing) == (80, True)


async def test_the_owners_budget_shows_before_the_reported_one(labeler: RunningLabeler) -> None:
    """The newest report's until an owner says one."""
    await _report(labeler, label_budget=60)
    reported = await _stats(labeler), await _listed(labeler)
    await _update(labeler, label_budget=80)
    said = await _stats(labeler), await _listed(labeler)
    assert [one.label_budget for one in (*reported, *said)] == [60, 60, 80, 80]


async def test_what_is_waited_for_falls_with_each_answer(labeler: RunningLabeler) -> None:
    """As the newest report said, less the answers since; nothing once the run is finished."""
    await labeler.propose("a", "b", "c")
    await _report(labeler, num_awaited=2)
    waited = [(await _stats(labeler)).num_awaited]
    teacher = labeler.as_role(Role.TEACHER)
    for i, held in enumerate(await lease(teacher, count=3)):
        await submit(teacher, held.lease_token, f"a{i}")
        waited.append((await _stats(labeler)).num_awaited)
    await _report(labeler, num_awaited=5)
    waited.append((await _stats(labeler)).num_awaited)
    await _update(labeler, state=pb.RUN_STATE_FINISHED)
    waited.append((await _stats(labeler)).num_awaited)
    assert waited == [2, 1, 0, 0, 5, 0]


async def test_the_list_of_runs_shows_how_each_stands(labeler: RunningLabeler) -> None:
    """Each with its own newest report, none where there is none."""
    await _report(labeler, env_steps=100)
    await _report(labeler, env_steps=200, num_awaited=3, training_loss=0.5)
    await labeler.create_run("run-2")

    runs = {
        run.run_id: run for run in (await labeler.as_role(Role.OWNER).ListRuns(pb.ListRunsRequest())).runs
    }

    point = runs[RUN_ID].newest_point
    assert (point.number, point.env_steps, point.num_awaited, point.training_loss) == (2, 200, 3, 0.5)
    assert not runs["run-2"].HasField("newest_point")


async def test_a_question_that_an_owner_edited_stays(labeler: RunningLabeler) -> None:
    """A service that starts again and makes its run known once more does not change it back."""
    await labeler.propose("a")
    await _update(labeler, question="Which one turns <b>backwards</b>?")
    await _create(labeler, question="Which is better?")

    reply, _ = await _ask(labeler)

    assert reply.leases[0].query.question == "Which one turns <b>backwards</b>?"
    assert (await _stats(labeler)).question == "Which one turns <b>backwards</b>?"


async def test_guidelines_of_the_task_become_version_1_once(labeler: RunningLabeler) -> None:
    """Whatever a service says later, and whatever an owner wrote meanwhile, stays as it is."""
    owner = labeler.as_role(Role.OWNER)
    versions = []
    await _create(labeler, guidelines="A backflip turns **backwards**.")
    versions.append((await _stats(labeler)).guidelines_version)
    await _create(labeler, guidelines="Another text.")
    versions.append((await _stats(labeler)).guidelines_version)
    await owner.SetGuidelines(pb.SetGuidelinesRequest(run_id=RUN_ID, text="Mine."))
    await _create(labeler, guidelines="A backflip turns **backwards**.")
    versions.append((await _stats(labeler)).guidelines_version)

    texts = [
        (await owner.GetGuidelines(pb.GetGuidelinesRequest(run_id=RUN_ID, version=version))).text
        for version in (1, 2)
    ]
    assert versions == [1, 1, 2]
    assert texts == ["A backflip turns **backwards**.", "Mine."]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"question": ""}, "question"),
        ({"question": "?" * 2001}, "question"),
        ({"label_budget": 0}, "label_budget"),
        ({"label_budget": -1}, "label_budget"),
        ({"label_budget": 1_000_001}, "label_budget"),
        ({"state": pb.RUN_STATE_PAUSED}, "state"),
        ({"state": 17}, "state"),
        ({"result": RESULT}, "state"),
        ({"state": pb.RUN_STATE_STOPPED, "result": RESULT}, "state"),
        ({"state": pb.RUN_STATE_FINISHED, "result": pb.RunResult(env_steps=-1)}, "env_steps"),
        ({"state": pb.RUN_STATE_FINISHED, "result": pb.RunResult(num_labels=-1)}, "num_labels"),
        ({"state": pb.RUN_STATE_FINISHED, "result": pb.RunResult(headline="!" * 501)}, "headline"),
        (
            {"state": pb.RUN_STATE_FINISHED, "result": pb.RunResult(true_return_mean=float("nan"))},
            "true_return_mean",
        ),
    ],
)
async def test_bounds_on_changes(labeler: RunningLabeler, change: dict[str, Any], field: str) -> None:
    """INVALID_ARGUMENT that names the field; the run stays as it was."""
    before = await _listed(labeler)
    error = await _refused(labeler, **change)
    assert isinstance(error, InvalidInputError)
    assert field in str(error)
    assert await _listed(labeler) == before


@pytest.mark.parametrize("text", ["x" * 20_001, "raw <b>HTML</b>"])
async def test_bounds_on_a_tasks_guidelines(labeler: RunningLabeler, text: str) -> None:
    """The same as an owner's."""
    request = pb.CreateRunRequest(run_id="run-2", task="hopper-backflip", guidelines=text)
    error = await refused(labeler.as_role(Role.SERVICE).CreateRun(request))
    assert isinstance(error, InvalidInputError)
    assert "guidelines" in str(error)
    stats = labeler.as_role(Role.OWNER).GetStats(pb.GetStatsRequest(run_id="run-2"))
    assert isinstance(await refused(stats), NotFoundError)


async def test_each_change_of_a_life_is_in_the_audit_log_once(labeler: RunningLabeler) -> None:
    """With what it became; a repeat changes nothing and is no entry."""
    for _ in range(2):
        await _update(labeler, label_budget=80, question="Which?")
        await _update(labeler, role=Role.SERVICE, state=pb.RUN_STATE_FINISHED, result=RESULT)

    request = pb.ListAuditLogRequest(run_id=RUN_ID)
    entries = (await labeler.as_role(Role.OWNER).ListAuditLog(request)).entries
    changes = [json.loads(entry.detail) for entry in entries if entry.action == "UpdateRun"]

    finished = {
        "env_steps": 200_000,
        "num_labels": 60,
        "headline": "It turns twice.",
        "true_return_mean": 31.5,
    }
    assert changes == [
        {"state": "finished", "result": finished},
        {"label_budget": 80, "question": "Which?"},
    ]
