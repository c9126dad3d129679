"""What the labeler is told of a run, and that nothing depends on its being told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from services.reward.labeler_client import LabelerClient
from services.reward.limits import ScoredPart
from services.reward.monitoring.progress_reporter import Reporter
from services.reward.queries.proposals import Standing, Wishes
from somersault.domain.roles import Role
from somersault.errors import PermissionDeniedError, SomersaultError, UnavailableError
from somersault.storage import ObjectStore, open_store
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, TOKENS, RunningLabeler, running_labeler
from tests.services.reward.doubles import LabelerDouble
from tests.services.reward.harness import Bench, higher_is_better, make_bench, running


class TakerDouble:
    """Keeps what it is told, or is away."""

    def __init__(self) -> None:
        self.standings: list[Standing] = []
        self.error: SomersaultError = UnavailableError("away")
        self.is_away = False
        self.wishes = Wishes()

    async def report_progress(self, standing: Standing) -> Wishes:
        """Takes a point."""
        if self.is_away or self.error.is_hopeless:
            raise self.error
        self.standings.append(standing)
        return self.wishes

    async def hear(self) -> Wishes:
        """Says what the owner wants."""
        if self.is_away:
            raise UnavailableError("away")
        return self.wishes


class Clock:
    """Tells the time that a test says."""

    now_s = 0.0

    def __call__(self) -> float:
        """Gives seconds."""
        return self.now_s


@pytest.fixture
def store() -> ObjectStore:
    return open_store("memory://")


def _reporter(bench: Bench, taker: TakerDouble | LabelerClient, clock: Clock | None = None) -> Reporter:
    return Reporter(
        config=bench.config,
        loop=bench.loop,
        pool=bench.pool,
        student=bench.student,
        scored=ScoredPart(),
        taker=taker,
        now_s=clock or Clock(),
    )


async def test_a_fresh_run_says_what_it_wishes_and_nothing_that_it_does_not_know(store: ObjectStore) -> None:
    """Four labels of ten are due at once; nothing is predicted yet."""
    bench, taker = make_bench(store, LabelerDouble(higher_is_better)), TakerDouble()
    await _reporter(bench, taker).report_change()
    assert taker.standings == [
        Standing(
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


async def test_a_run_that_learned_says_how_it_stands(store: ObjectStore) -> None:
    """Steps, labels, accuracy, and the mean over members, segments and steps of what is predicted of the pool."""
    bench, taker = make_bench(store, LabelerDouble(higher_is_better)), TakerDouble()
    async with running(bench):
        bench.offer(0, count=24)
        await bench.settle(1, 0)
        await bench.settle(300, 0)
        await _reporter(bench, taker).report_change()
    (standing,) = taker.standings
    assert (standing.env_steps, standing.num_labels_due, standing.num_answered) == (300, 7, 7)
    assert (standing.reward_version, standing.num_pool_segments) == (2, 24)
    assert standing.num_accuracy_preferences == 7
    assert standing.preference_accuracy == bench.student.agreement
    observations, actions = bench.pool.take(np.arange(24))
    everything = bench.student.published.ensemble.predict(observations, actions)
    assert standing.predicted_reward_mean == pytest.approx(everything.mean(), rel=1e-5)
    assert standing.env_steps_per_s is not None
    # three more labels over the 300 steps that are left of the schedule
    assert standing.wished_labels_per_hour == pytest.approx(36.0 * standing.env_steps_per_s)


async def test_what_has_not_changed_is_said_every_twenty_seconds(store: ObjectStore) -> None:
    """So that a run that waits for somebody does not fill its curves; the end is said once."""
    bench, taker, clock = make_bench(store, LabelerDouble(higher_is_better)), TakerDouble(), Clock()
    reporter = _reporter(bench, taker, clock)
    for clock.now_s in (0, 5, 10, 19, 21, 26):
        await reporter.report_change()
    assert len(taker.standings) == 2
    await reporter.report_end()
    assert len(taker.standings) == 2


async def test_a_labeler_that_is_away_holds_nothing_up(store: ObjectStore) -> None:
    """The point is lost, the next one is taken."""
    bench, taker = make_bench(store, LabelerDouble(higher_is_better)), TakerDouble()
    reporter = _reporter(bench, taker)
    taker.is_away = True
    await reporter.report_change()
    await reporter.report_end()
    taker.is_away = False
    await reporter.report_change()
    assert len(taker.standings) == 1


async def test_what_the_owner_wants_is_heard_with_every_report_and_between_them(store: ObjectStore) -> None:
    """A changed budget counts within five seconds, though nothing else has changed; then the settings' one again."""
    bench, taker, clock = make_bench(store, LabelerDouble(higher_is_better)), TakerDouble(), Clock()
    reporter, heard = _reporter(bench, taker, clock), []
    for clock.now_s, budget in ((0, 12), (5, 15), (10, None)):
        taker.wishes = Wishes(label_budget=budget)
        await reporter.report_change()
        heard.append(bench.loop.pacing.label_budget)
    assert heard == [12, 15, 10]
    assert [standing.label_budget for standing in taker.standings] == [10, 12, 15]


async def test_a_loss_is_told_once_there_is_one(store: ObjectStore) -> None:
    """And after a restart too."""
    bench, taker = make_bench(store, LabelerDouble(higher_is_better)), TakerDouble()
    async with running(bench):
        bench.offer(0)
        await bench.settle(1, 0)
    again = make_bench(store, bench.labeler)
    async with running(again):
        await _reporter(again, taker).report_change()
    assert taker.standings[0].training_loss == bench.student.training_loss
    assert taker.standings[0].training_loss is not None


async def _points(labeler: RunningLabeler) -> list[pb.ProgressPoint]:
    request = pb.GetRunProgressRequest(run_id=RUN_ID)
    return list((await labeler.as_role(Role.OWNER).GetRunProgress(request)).points)


async def test_a_real_labeler_keeps_what_it_is_told(store: ObjectStore, tmp_path: Path) -> None:
    """Every figure comes through; its own count of answers is not the reward service's."""
    bench = make_bench(store, LabelerDouble(higher_is_better))
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        client = LabelerClient(labeler.address, token=TOKENS[Role.SERVICE], run_id=RUN_ID)
        reporter = _reporter(bench, client)
        await reporter.report_change()
        async with running(bench):
            bench.offer(0, count=24)
            await bench.settle(1, 0)
            await bench.settle(300, 0)
            standing = await reporter._standing()
            await reporter.report_end()
        await client.close()
        first, newest = await _points(labeler)
    assert not first.HasField("predicted_reward_mean")
    told = dataclasses.asdict(standing)
    assert told.pop("num_answered") == 7
    assert newest.num_answered == 0
    assert {name: getattr(newest, name) for name in told} == told


async def test_a_report_that_is_refused_for_good_ends_the_service(store: ObjectStore) -> None:
    """Reports are lost while the labeler is away, not because it will never take one."""
    bench, taker = make_bench(store, LabelerDouble(higher_is_better)), TakerDouble()
    taker.error = PermissionDeniedError("this token's role is labeler")
    with pytest.raises(PermissionDeniedError):
        await _reporter(bench, taker).report_change()
