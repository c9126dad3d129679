"""What owners see of a run: learning curves, clips with what was predicted of them, and who is kept from it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from services.labeler.database import Database, open_database
from services.labeler.model.progress import ProgressReport
from services.labeler.runs import progress_repository, run_repository
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError, NotFoundError
from somersault.runtime.urls import file_url, sqlite_url
from somersault.storage import open_store
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2, simulator_pb2
from tests.services.labeler.running import (
    RUN_ID,
    RunningLabeler,
    SimulatorDouble,
    lease,
    proposal,
    refused,
    running_labeler,
    serving_simulator,
    submit,
    until,
)

POINT = {
    "env_steps": 40_960,
    "total_env_steps": 200_000,
    "env_steps_per_s": 2048.5,
    "label_budget": 60,
    "num_labels_due": 22,
    "wished_labels_per_hour": 900.0,
    "preference_accuracy": 0.75,
    "num_accuracy_preferences": 12,
    "predicted_reward_mean": -0.125,
    "reward_version": 3,
    "num_pool_segments": 512,
}


class ScoringSimulator(SimulatorDouble):
    """Draws, and tells of ten episodes of one task."""

    task = "hopper-backflip"
    has_teacher = True
    true_return_mean = 20.0

    async def GetEpisodeStatistics(
        self, request: Any, context: Any
    ) -> simulator_pb2.GetEpisodeStatisticsResponse:
        """Return the means."""
        return simulator_pb2.GetEpisodeStatisticsResponse(
            num_episodes=10,
            true_return_mean=self.true_return_mean,
            task=self.task,
            has_teacher=self.has_teacher,
        )


def _report(labeler: RunningLabeler, *, run_id: str = RUN_ID, **figures: Any) -> Any:
    point = pb.ProgressPoint(**{**POINT, **figures})
    return labeler.as_role(Role.SERVICE).ReportProgress(pb.ReportProgressRequest(run_id=run_id, point=point))


async def _curves(labeler: RunningLabeler, *, cursor: int = 0) -> pb.GetRunProgressResponse:
    request = pb.GetRunProgressRequest(run_id=RUN_ID, cursor=cursor)
    response: pb.GetRunProgressResponse = await labeler.as_role(Role.OWNER).GetRunProgress(request)
    return response


async def _clips(labeler: RunningLabeler, **page: Any) -> pb.ListClipsResponse:
    request = pb.ListClipsRequest(run_id=RUN_ID, **page)
    response: pb.ListClipsResponse = await labeler.as_role(Role.OWNER).ListClips(request)
    return response


async def test_a_report_is_kept_as_it_was_given(labeler: RunningLabeler) -> None:
    """With its number, the database's time and the labeler's own counts; a figure that was left out is absent."""
    await labeler.propose("a")
    teacher = labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher)
    await submit(teacher, held.lease_token, "a1")
    await _report(labeler)

    curves = await _curves(labeler)

    (point,) = curves.points
    assert {name: getattr(point, name) for name in POINT} == POINT
    assert (point.number, point.num_answered, point.num_last_hour) == (1, 1, 1)
    assert abs(point.report_time.seconds - time.time()) < 60
    assert not point.HasField("true_return_mean")
    assert curves.read_time.seconds >= point.report_time.seconds


async def test_figures_that_are_absent_stay_absent(labeler: RunningLabeler) -> None:
    """Nothing learned yet is not nothing predicted: zero is a value."""
    names = (
        "env_steps_per_s",
        "wished_labels_per_hour",
        "preference_accuracy",
        "predicted_reward_mean",
    )
    await _report(labeler, **dict.fromkeys(names))
    await _report(labeler, **dict.fromkeys(names, 0.0))

    absent, zero = (await _curves(labeler)).points

    assert [absent.HasField(name) for name in names] == [False] * 4
    assert [zero.HasField(name) for name in names] == [True] * 4


async def test_curves_are_read_from_a_cursor_on(labeler: RunningLabeler) -> None:
    """A page asks only for what is new; nothing new leaves it where it is."""
    for steps in (100, 200, 300):
        await _report(labeler, env_steps=steps)

    first = await _curves(labeler)
    await _report(labeler, env_steps=400)
    second = await _curves(labeler, cursor=first.cursor)
    third = await _curves(labeler, cursor=second.cursor)

    assert [point.env_steps for point in first.points] == [100, 200, 300]
    assert [point.env_steps for point in second.points] == [400]
    assert (list(third.points), third.cursor) == ([], second.cursor)


async def test_curves_outlive_the_labeler(tmp_path: Path) -> None:
    """A page that is opened after a restart shows the whole run, and the numbers go on."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        await _report(labeler)
    async with running_labeler(tmp_path) as labeler:
        await _report(labeler)
        assert [point.number for point in (await _curves(labeler)).points] == [1, 2]


@pytest.fixture
def database(tmp_path: Path) -> Any:
    """Open a database with one run."""
    opened = open_database(sqlite_url(tmp_path / "labels.sqlite"))
    yield opened
    opened.close()


async def _numbers_after(database: Database, num_reports: int) -> list[int]:
    report = ProgressReport(**POINT)  # type: ignore[arg-type]  # ints and floats by name

    def work(connection: Any) -> list[int]:
        run_repository.create(connection, run_id="r", task="t", question="?")
        for _ in range(num_reports):
            progress_repository.add(connection, "r", report, true_returns=None)
        return [point.number for point in progress_repository.read_after(connection, "r", cursor=0)[0]]

    return await database.write(work)


async def test_curves_are_bounded_and_stay_evenly_spread(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 33 reports with room for 8: every eighth, since 33 > 4 * 8, and the newest. Never more than 9 rows."""
    monkeypatch.setattr(progress_repository, "MAX_POINTS", 8)

    assert await _numbers_after(database, 8) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert await _numbers_after(database, 1) == [2, 4, 6, 8, 9]
    assert await _numbers_after(database, 24) == [8, 16, 24, 32, 33]


async def test_true_returns_come_from_the_simulators(tmp_path: Path) -> None:
    """Their mean by episodes; a simulator of another task, without a teacher or away is left out."""
    store = open_store(file_url(tmp_path / "objects"))
    doubles = [ScoringSimulator(store) for _ in range(4)]
    doubles[1].true_return_mean = 40.0
    doubles[2].task = "walker"
    doubles[3].has_teacher = False
    async with (
        serving_simulator(doubles[0]) as one,
        serving_simulator(doubles[1]) as two,
        serving_simulator(doubles[2]) as three,
        serving_simulator(doubles[3]) as four,
        running_labeler(tmp_path, simulator_addresses=(one, two, three, four, "127.0.0.1:9")) as labeler,
    ):
        await labeler.create_run()
        response = await _report(labeler)
        (point,) = (await _curves(labeler)).points

    assert (point.true_return_mean, point.num_episodes) == (30.0, 20)
    assert response.ListFields() == []  # the reward service is told nothing of it


async def test_a_reporter_can_not_say_what_the_labeler_knows(labeler: RunningLabeler) -> None:
    """True returns, counts, number and time of a report are left out, whatever is in them."""
    await _report(labeler, true_return_mean=9.0, num_episodes=3, num_answered=77, number=99)
    (point,) = (await _curves(labeler)).points
    assert (point.number, point.num_answered, point.num_episodes) == (1, 0, 0)
    assert not point.HasField("true_return_mean")


@pytest.mark.parametrize(
    "broken",
    [
        {"env_steps": -1},
        {"preference_accuracy": 1.5},
        {"predicted_reward_mean": float("nan")},
        {"env_steps_per_s": float("inf")},
    ],
)
async def test_malformed_reports_are_refused(labeler: RunningLabeler, broken: dict[str, float]) -> None:
    """With the field's name, and nothing is kept."""
    error = await refused(_report(labeler, **broken))
    assert isinstance(error, InvalidInputError)
    assert next(iter(broken)) in str(error)
    assert not (await _curves(labeler)).points


async def test_unknown_runs_have_no_curves(labeler: RunningLabeler) -> None:
    """Neither to write nor to read."""
    owner = labeler.as_role(Role.OWNER)
    for call in (
        _report(labeler, run_id="run-9"),
        owner.GetRunProgress(pb.GetRunProgressRequest(run_id="run-9")),
        owner.ListClips(pb.ListClipsRequest(run_id="run-9")),
    ):
        assert isinstance(await refused(call), NotFoundError)


def _predicted(name: str, *, wants_clips: bool = True) -> pb.Proposal:
    message = proposal(name, wants_clips=wants_clips)
    message.first_predicted_rewards.extend([0.5, -1.0, 0.25])
    message.second_predicted_rewards.extend([2.0, 1.5])
    message.reward_version = 4
    return message


async def test_clips_come_with_predictions_and_answers(tmp_path: Path) -> None:
    """On the sides that were shown, with who answered what; a query without a prediction has none."""
    store = open_store(file_url(tmp_path / "objects"))
    async with (
        serving_simulator(SimulatorDouble(store)) as address,
        running_labeler(tmp_path, simulator_addresses=address) as labeler,
    ):
        await labeler.create_run()
        proposals = [*(_predicted(f"p{i}") for i in range(4)), proposal("plain", wants_clips=True)]
        request = pb.ProposeQueriesRequest(
            run_id=RUN_ID, proposals=[*proposals, _predicted("no", wants_clips=False)]
        )
        await labeler.as_role(Role.SERVICE).ProposeQueries(request)

        async def are_drawn() -> bool:
            return len((await _clips(labeler)).queries) == 5

        await until(are_drawn)
        person = labeler.as_role(Role.LABELER)
        (held,) = await lease(person)
        await submit(person, held.lease_token, "a1", preference_pb2.PREFERENCE_EQUAL)
        revision = pb.RevisePreferenceRequest(
            answer_id="a1", version=2, preference=preference_pb2.PREFERENCE_RIGHT
        )
        await person.RevisePreference(revision)
        clipped = (await _clips(labeler)).queries

        owner = labeler.as_role(Role.OWNER)
        clip = await owner.GetClip(
            pb.GetClipRequest(query_id=clipped[0].query.query_id, side=preference_pb2.PREFERENCE_LEFT)
        )

    assert list(clipped[0].left_predicted_rewards) == []
    for each in clipped[1:]:
        is_first = each.query.left.segment_id.endswith("first")
        shown = (list(each.left_predicted_rewards), list(each.right_predicted_rewards))
        assert shown == (([0.5, -1.0, 0.25], [2.0, 1.5]) if is_first else ([2.0, 1.5], [0.5, -1.0, 0.25]))
        assert (each.reward_version, each.left_duration_s, each.right_duration_s) == (4, 1.5, 1.5)
    assert {each.query.left.segment_id.endswith("first") for each in clipped[1:]} == {True, False}
    (answer,) = clipped[-1].answers
    assert (answer.labeler_id, answer.preference) == ("labeler", preference_pb2.PREFERENCE_RIGHT)
    assert [list(each.answers) for each in clipped[:-1]] == [[]] * 4
    assert clip.clip.startswith(b"clip of run-1/segments/plain-")


async def test_clips_are_listed_by_pages(tmp_path: Path) -> None:
    """Five in pages of two, newest first: 2, 2, 1; a page too large is refused."""
    store = open_store(file_url(tmp_path / "objects"))
    async with (
        serving_simulator(SimulatorDouble(store)) as address,
        running_labeler(tmp_path, simulator_addresses=address) as labeler,
    ):
        await labeler.create_run()
        query_ids = await labeler.propose(*"abcde", wants_clips=True)

        async def are_drawn() -> bool:
            return len((await _clips(labeler)).queries) == 5

        await until(are_drawn)
        pages, token = [], ""
        while not pages or token:
            page = await _clips(labeler, page_size=2, page_token=token)
            pages.append([each.query.query_id for each in page.queries])
            token = page.next_page_token
        assert isinstance(await refused(_clips(labeler, page_size=101)), InvalidInputError)

    newest_first = query_ids[::-1]
    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]


@pytest.mark.parametrize(
    ("first", "second", "field"),
    [
        ([1.0], [], "second_predicted_rewards"),
        ([float("nan")], [1.0], "first_predicted_rewards"),
        ([0.0] * 10_001, [1.0], "first_predicted_rewards"),
    ],
)
async def test_malformed_predictions_are_refused(
    labeler: RunningLabeler, first: list[float], second: list[float], field: str
) -> None:
    """Nothing of the proposal is kept."""
    message = proposal("a")
    message.first_predicted_rewards.extend(first)
    message.second_predicted_rewards.extend(second)
    request = pb.ProposeQueriesRequest(run_id=RUN_ID, proposals=[message])
    error = await refused(labeler.as_role(Role.SERVICE).ProposeQueries(request))
    assert isinstance(error, InvalidInputError)
    assert field in str(error)
    assert (await labeler.stats()).num_ready == 0


async def _pause(labeler: RunningLabeler, *, is_paused: bool) -> pb.Run:
    request = pb.UpdateRunRequest(run_id=RUN_ID, is_paused=is_paused)
    run: pb.Run = (await labeler.as_role(Role.OWNER).UpdateRun(request)).run
    return run


async def test_a_paused_run_leases_nothing_and_says_so(labeler: RunningLabeler) -> None:
    """To people and teachers, whether they name the run or not; other runs go on."""
    await labeler.propose("a", "b")
    assert (await _pause(labeler, is_paused=True)).is_paused
    teacher = labeler.as_role(Role.TEACHER)

    of_run = await teacher.LeaseQueries(pb.LeaseQueriesRequest(run_id=RUN_ID, count=1))
    assert (list(of_run.leases), of_run.is_paused) == ([], True)
    assert (await labeler.as_role(Role.LABELER).GetStats(pb.GetStatsRequest(run_id=RUN_ID))).is_paused
    assert (await _report(labeler)).is_paused

    await labeler.create_run("run-2")
    await labeler.propose("c", run_id="run-2")
    of_any = await teacher.LeaseQueries(pb.LeaseQueriesRequest(count=3))
    assert [each.query.run_id for each in of_any.leases] == ["run-2"]


async def test_an_answer_under_a_lease_counts_though_the_run_is_paused(labeler: RunningLabeler) -> None:
    """The work of who was looking at a pair is not thrown away, and it may be undone."""
    await labeler.propose("a")
    teacher = labeler.as_role(Role.TEACHER)
    (held,) = await lease(teacher)
    await _pause(labeler, is_paused=True)
    assert not (await submit(teacher, held.lease_token, "a1")).is_extra
    revision = pb.RevisePreferenceRequest(
        answer_id="a1", version=2, preference=preference_pb2.PREFERENCE_EQUAL
    )
    assert (await teacher.RevisePreference(revision)).record.version == 2


async def test_who_waits_gets_a_query_as_soon_as_the_run_goes_on(labeler: RunningLabeler) -> None:
    """Well before its 30 seconds are over; what was proposed meanwhile is there."""
    await _pause(labeler, is_paused=True)
    await labeler.propose("a")
    waiting = asyncio.ensure_future(lease(labeler.as_role(Role.TEACHER), wait_s=30))
    await asyncio.sleep(0.2)
    assert not waiting.done()

    assert not (await _pause(labeler, is_paused=False)).is_paused

    async with asyncio.timeout(5):
        (held,) = await waiting
    assert held.query.run_id == RUN_ID


async def test_pausing_is_in_the_audit_log_and_reports_are_not(labeler: RunningLabeler) -> None:
    """Who paused is told; a row each few seconds would bury it."""
    await _report(labeler)
    await _pause(labeler, is_paused=True)
    await _pause(labeler, is_paused=True)
    request = pb.ListAuditLogRequest(run_id=RUN_ID)
    entries = (await labeler.as_role(Role.OWNER).ListAuditLog(request)).entries
    assert [(each.action, each.detail) for each in entries] == [
        ("UpdateRun", '{"is_paused": true}'),
        ("CreateRun", entries[-1].detail),
    ]
