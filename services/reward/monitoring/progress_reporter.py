"""Tells the labeler how the run stands, and hears from it what the run's owner wants."""

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
from services.reward.queries.proposals import Standing, Wishes
from services.reward.segments.pool import SegmentPool
from services.reward.training.reward_learner import RewardVersion, Student
from somersault.errors import SomersaultError

__all__ = ["ProgressTaker", "Reporter"]

_log = structlog.get_logger()

_REPORTS = prometheus_client.Counter(
    "somersault_reward_reports_total",
    "Points of the learning curves sent to the labeler: taken, or lost since it was away.",
    ["outcome"],
)

EVERY_S = 5.0  # a curve that a person looks at
UNCHANGED_EVERY_S = 20.0  # so that it is known that the service lives
_NUM_SCORED = 32  # newest segments: a rollout's or so


class ProgressTaker(Protocol):
    """Who is told."""

    async def report_progress(self, standing: Standing) -> Wishes:
        """Takes a point of the learning curves and says what the owner wants."""
        ...

    async def hear(self) -> Wishes:
        """Say what the owner wants."""
        ...


class Reporter:
    """Reports every few seconds what has changed. Used from one event loop."""

    def __init__(
        self,
        *,
        config: RewardConfig,
        loop: RewardLoop,
        pool: SegmentPool,
        student: Student,
        scored: ScoredPart,
        taker: ProgressTaker,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what there is to tell of, how much of a segment is scored, and who is told."""
        self._config = config
        self._loop = loop
        self._pool = pool
        self._student = student
        self._scored = scored
        self._taker = taker
        self._now_s = now_s
        self._newest: Standing | None = None
        self._newest_s = 0.0

    async def run(self) -> None:
        """Reports until cancelled."""
        while True:
            await self.report_change()
            await asyncio.sleep(EVERY_S)

    async def report_change(self) -> None:
        """Reports how the run stands; if nothing has changed lately, only hears what the owner wants."""
        standing = await self._standing()
        # The pace alone is never quite the same.
        before = self._newest and dataclasses.replace(
            self._newest,
            env_steps_per_s=standing.env_steps_per_s,
            wished_labels_per_hour=standing.wished_labels_per_hour,
        )
        if standing == before and self._now_s() - self._newest_s < UNCHANGED_EVERY_S:
            await self._hear()
        else:
            await self._send(standing)

    async def report_end(self) -> None:
        """Reports once more before the service stops."""
        standing = await self._standing()
        if standing != self._newest:
            await self._send(standing)

    async def _send(self, standing: Standing) -> None:
        """Send a point; one that is lost is not sent again, the next says more.

        Raises:
            SomersaultError: the labeler would refuse the next one too.
        """
        try:
            self._loop.hear(await self._taker.report_progress(standing))
        except SomersaultError as error:
            if error.is_hopeless:
                raise
            _REPORTS.labels("lost").inc()
            _log.info("report_lost", detail=str(error))
            return
        _REPORTS.labels("taken").inc()
        self._newest, self._newest_s = standing, self._now_s()

    async def _hear(self) -> None:
        try:
            self._loop.hear(await self._taker.hear())
        except SomersaultError as error:
            if error.is_hopeless:
                raise
            _log.info("wishes_not_heard", detail=str(error))

    async def _standing(self) -> Standing:
        loop, version = self._loop, self._loop.settled.value.version
        loss = self._student.training_loss
        pace = loop.pace.env_steps_per_s
        return Standing(
            env_steps=loop.env_steps,
            total_env_steps=self._config.total_env_steps,
            env_steps_per_s=pace,
            label_budget=loop.pacing.label_budget,
            num_labels_due=loop.num_due,
            wished_labels_per_hour=None if pace is None else 3600 * pace * loop.num_due_per_step,
            num_answered=loop.ledger.num_answered,
            preference_accuracy=self._student.agreement,
            num_accuracy_preferences=self._student.num_agreement,
            predicted_reward_mean=await self._predicted_reward_mean(version),
            reward_version=version.version,
            num_pool_segments=len(self._pool),
            num_awaited=loop.num_awaited,
            training_loss=loss if math.isfinite(loss) else None,
        )

    async def _predicted_reward_mean(self, version: RewardVersion) -> float | None:
        """Gives the mean predicted reward a step of the newest segments; none before anything was learned."""
        if version.version == 0 or not len(self._pool):
            return None
        count = min(_NUM_SCORED, self._scored.max_segments or _NUM_SCORED)
        observations, actions = self._pool.take(self._pool.newest_positions(count))
        rewards = await asyncio.to_thread(
            version.ensemble.predict_steps, observations, actions, axis=1, steps=self._scored.steps
        )
        return float(rewards.mean())
