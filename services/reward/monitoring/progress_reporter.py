"""Reports to the labeler how the run stands, and passes on to the loop what the run's owner wants.

That comes back with each report: another label budget, or an early finish, changes what the loop asks and waits for.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from collections.abc import Callable
from typing import Protocol

import prometheus_client
import structlog

from services.reward.config import RewardConfig
from services.reward.limits import ScoredPart
from services.reward.loop import RewardLoop
from services.reward.monitoring.progress_report import ProgressReport, RunControls
from services.reward.published import RewardVersion
from services.reward.segments.pool import SegmentPool
from services.reward.training.reward_learner import RewardLearner
from somersault.errors import SomersaultError

__all__ = ["ProgressReceiver", "ProgressReporter"]

_log = structlog.get_logger()

_REPORTS = prometheus_client.Counter(
    "somersault_reward_reports_total",
    "Points of the learning curves sent to the labeler: taken, or lost because it was away.",
    ["outcome"],
)

EVERY_S = 5.0  # often enough for a curve that a person watches
UNCHANGED_EVERY_S = 20.0  # shows that the service is alive
_NUM_SCORED = 32  # newest segments: about a rollout's


class ProgressReceiver(Protocol):
    """Takes reports: the labeler."""

    async def report_progress(self, report: ProgressReport) -> RunControls:
        """Take a point of the learning curves and return what the owner wants."""
        ...

    async def get_controls(self) -> RunControls:
        """Return what the owner wants."""
        ...


class ProgressReporter:
    """Reports every few seconds what has changed. Used from one event loop."""

    def __init__(
        self,
        *,
        config: RewardConfig,
        loop: RewardLoop,
        pool: SegmentPool,
        learner: RewardLearner,
        scored: ScoredPart,
        receiver: ProgressReceiver,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Report on these parts to ``receiver``; ``scored`` says how much of a segment is scored."""
        self._config = config
        self._loop = loop
        self._pool = pool
        self._learner = learner
        self._scored = scored
        self._receiver = receiver
        self._now_s = now_s
        self._newest: ProgressReport | None = None
        self._newest_s = 0.0

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await self.report_change()
            await asyncio.sleep(EVERY_S)

    async def report_change(self) -> None:
        """Report how the run stands or, if nothing has changed lately, only ask what the owner wants."""
        report = await self._report()
        # The speed alone is never quite the same.
        before = self._newest and dataclasses.replace(
            self._newest,
            env_steps_per_s=report.env_steps_per_s,
            wished_labels_per_hour=report.wished_labels_per_hour,
        )
        if report == before and self._now_s() - self._newest_s < UNCHANGED_EVERY_S:
            await self._get_controls()
        else:
            await self._send(report)

    async def report_end(self) -> None:
        """Report once more before the service stops."""
        report = await self._report()
        if report != self._newest:
            await self._send(report)

    async def _send(self, report: ProgressReport) -> None:
        """Send a report. One that is lost is not sent again, because the next says more.

        Raises:
            SomersaultError: the labeler would refuse the next one too.
        """
        try:
            self._loop.apply(await self._receiver.report_progress(report))
        except SomersaultError as error:
            if error.is_hopeless:
                raise
            _REPORTS.labels("lost").inc()
            _log.info("report_lost", detail=str(error))
            return
        _REPORTS.labels("taken").inc()
        self._newest, self._newest_s = report, self._now_s()

    async def _get_controls(self) -> None:
        try:
            self._loop.apply(await self._receiver.get_controls())
        except SomersaultError as error:
            if error.is_hopeless:
                raise
            _log.info("wishes_not_heard", detail=str(error))

    async def _report(self) -> ProgressReport:
        loop, version = self._loop, self._loop.published.version
        loss = self._learner.training_loss
        speed = loop.speed.env_steps_per_s
        return ProgressReport(
            env_steps=loop.env_steps,
            total_env_steps=self._config.total_env_steps,
            env_steps_per_s=speed,
            label_budget=loop.pacing.label_budget,
            num_labels_due=loop.num_due,
            wished_labels_per_hour=None if speed is None else 3600 * speed * loop.num_due_per_step,
            num_answered=loop.tracker.num_answered,
            preference_accuracy=self._learner.preference_accuracy,
            num_accuracy_preferences=self._learner.num_accuracy_preferences,
            predicted_reward_mean=await self._predicted_reward_mean(version),
            reward_version=version.number,
            num_pool_segments=len(self._pool),
            num_awaited=loop.num_awaited,
            training_loss=loss if math.isfinite(loss) else None,
        )

    async def _predicted_reward_mean(self, version: RewardVersion) -> float | None:
        """Return the mean predicted reward a step of the newest segments; None before anything is learned."""
        if version.number == 0 or not len(self._pool):
            return None
        count = min(_NUM_SCORED, self._scored.max_segments or _NUM_SCORED)
        observations, actions = self._pool.take(self._pool.newest_indices(count))
        rewards = await asyncio.to_thread(
            version.ensemble.predict_steps, observations, actions, axis=1, steps=self._scored.steps
        )
        return float(rewards.mean())
