"""What the labeler is told of a run, and that nothing depends on its being reachable."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from services.reward.labeler_client import LabelerClient
from services.reward.limits import ScoredPart
from services.reward.monitoring.progress_report import ProgressReport, RunControls
from services.reward.monitoring.progress_reporter import ProgressReporter
from somersault.domain.roles import Role
from somersault.errors import PermissionDeniedError, SomersaultError, UnavailableError
from somersault.storage import ObjectStore, open_store
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, TOKENS, RunningLabeler, running_labeler
from tests.services.reward.doubles import LabelerDouble
from tests.services.reward.harness import Harness, higher_is_better, make_harness, running


class ReceiverDouble:
    """Keeps the reports it gets, or is away."""

    def __init__(self) -> None:
        self.reports: list[ProgressReport] = []
        self.error: SomersaultError = UnavailableError("away")
        self.is_away = False
        self.controls = RunControls()

    async def report_progress(self, report: ProgressReport) -> RunControls:
        """Take a report."""
        if self.is_away or self.error.is_hopeless:
            raise self.error
        self.reports.append(report)
        return self.controls

    async def get_controls(self) -> RunControls:
        """Return what the owner wants."""
        if self.is_away:
            raise UnavailableError("away")
        return self.controls


class Clock:
    """Tells the time that a test sets."""

    now_s = 0.0

    def __call__(self) -> float:
        """Return seconds."""
        return self.now_s


@pytest.fixture
def store() -> ObjectStore:
    return open_store("memory://")


def _reporter(
    harness: Harness, receiver: ReceiverDouble | LabelerClient, clock: Clock | None = None
) -> ProgressReporter:
    return ProgressReporter(
        config=harness.config,
        loop=harness.loop,
        pool=harness.pool,
        learner=harness.learner,
        scored=ScoredPart(),
        receiver=receiver,
        now_s=clock or Clock(),
    )


async def test_a_fresh_run_reports_what_is_due_and_nothing_that_it_does_not_know(store: ObjectStore) -> None:
    """Four labels of ten are due at once; nothing is predicted yet."""
    harness, receiver = make_harness(store, LabelerDouble(higher_is_better)), ReceiverDouble()
    await _reporter(harness, receiver).report_change()
    assert receiver.reports == [
        ProgressReport(
            env_steps=0,
            total_env_steps=1000,
            env_steps_per_s=None,
            label_budget=10,
            num_labels_due=4,
            wished_labels_per_hour=None,
            num_answered=0,
            preference_accuracy=None,
            num_accuracy_preferences=0,
            predicted_reward_mean=None,
            reward_version=0,
            num_pool_segments=0,
            num_awaited=0,
            training_loss=None,
        )
    ]


async def test_a_run_that_has_learned_reports_how_it_stands(store: ObjectStore) -> None:
    """Steps, labels, accuracy, and the mean over members, segments and steps of what is predicted of the pool."""
    harness, receiver = make_harness(store, LabelerDouble(higher_is_better)), ReceiverDouble()
    async with running(harness):
        harness.offer(0, count=24)
        await harness.settle(1, 0)
        await harness.settle(300, 0)
        await _reporter(harness, receiver).report_change()
    (report,) = receiver.reports
    assert (report.env_steps, report.num_labels_due, report.num_answered) == (300, 7, 7)
    assert (report.reward_version, report.num_pool_segments) == (2, 24)
    assert report.num_accuracy_preferences == 7
    assert report.preference_accuracy == harness.learner.preference_accuracy
    observations, actions = harness.pool.take(np.arange(24))
    everything = harness.learner.published.version.ensemble.predict(observations, actions)
    assert report.predicted_reward_mean == pytest.approx(everything.mean(), rel=1e-5)
    assert report.env_steps_per_s is not None
    # three more labels over the 300 steps that are left of the schedule
    assert report.wished_labels_per_hour == pytest.approx(36.0 * report.env_steps_per_s)


async def test_an_unchanged_run_is_reported_every_twenty_seconds(store: ObjectStore) -> None:
    """So that a run that waits for labelers does not fill its curves; the end is reported once."""
    harness, receiver, clock = make_harness(store, LabelerDouble(higher_is_better)), ReceiverDouble(), Clock()
    reporter = _reporter(harness, receiver, clock)
    for clock.now_s in (0, 5, 10, 19, 21, 26):
        await reporter.report_change()
    assert len(receiver.reports) == 2
    await reporter.report_end()
    assert len(receiver.reports) == 2


async def test_a_labeler_that_is_away_holds_nothing_up(store: ObjectStore) -> None:
    """One report is lost, the next one is taken."""
    harness, receiver = make_harness(store, LabelerDouble(higher_is_better)), ReceiverDouble()
    reporter = _reporter(harness, receiver)
    receiver.is_away = True
    await reporter.report_change()
    await reporter.report_end()
    receiver.is_away = False
    await reporter.report_change()
    assert len(receiver.reports) == 1


async def test_what_the_owner_wants_comes_with_every_report_and_between_them(store: ObjectStore) -> None:
    """A changed budget counts within five seconds, even if nothing else has changed; then that of the settings again."""
    harness, receiver, clock = make_harness(store, LabelerDouble(higher_is_better)), ReceiverDouble(), Clock()
    reporter, heard = _reporter(harness, receiver, clock), []
    for clock.now_s, budget in ((0, 12), (5, 15), (10, None)):
        receiver.controls = RunControls(label_budget=budget)
        await reporter.report_change()
        heard.append(harness.loop.pacing.label_budget)
    assert heard == [12, 15, 10]
    assert [report.label_budget for report in receiver.reports] == [10, 12, 15]


async def test_a_loss_is_reported_once_there_is_one(store: ObjectStore) -> None:
    """After a restart, too."""
    harness, receiver = make_harness(store, LabelerDouble(higher_is_better)), ReceiverDouble()
    async with running(harness):
        harness.offer(0)
        await harness.settle(1, 0)
    again = make_harness(store, harness.labeler)
    async with running(again):
        await _reporter(again, receiver).report_change()
    assert receiver.reports[0].training_loss == harness.learner.training_loss
    assert receiver.reports[0].training_loss is not None


async def _points(labeler: RunningLabeler) -> list[pb.ProgressPoint]:
    request = pb.GetRunProgressRequest(run_id=RUN_ID)
    return list((await labeler.as_role(Role.OWNER).GetRunProgress(request)).points)


async def test_a_real_labeler_keeps_what_is_reported(store: ObjectStore, tmp_path: Path) -> None:
    """Every figure arrives; the count of answers is the labeler's own, not the reward service's."""
    harness = make_harness(store, LabelerDouble(higher_is_better))
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        client = LabelerClient(labeler.address, token=TOKENS[Role.SERVICE], run_id=RUN_ID)
        reporter = _reporter(harness, client)
        await reporter.report_change()
        async with running(harness):
            harness.offer(0, count=24)
            await harness.settle(1, 0)
            await harness.settle(300, 0)
            report = await reporter._report()
            await reporter.report_end()
        await client.close()
        first, newest = await _points(labeler)
    assert not first.HasField("predicted_reward_mean")
    told = dataclasses.asdict(report)
    assert told.pop("num_answered") == 7
    assert newest.num_answered == 0
    assert {name: getattr(newest, name) for name in told} == told


async def test_a_report_that_is_refused_for_good_ends_the_service(store: ObjectStore) -> None:
    """Reports are lost while the labeler is away, not because it will never take one."""
    harness, receiver = make_harness(store, LabelerDouble(higher_is_better)), ReceiverDouble()
    receiver.error = PermissionDeniedError("this token's role is labeler")
    with pytest.raises(PermissionDeniedError):
        await _reporter(harness, receiver).report_change()
