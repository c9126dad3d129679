"""The thread on which rollouts are gathered, and the life of its environments.

They are begun for a run, kept while the learner is away, and begun anew after one has failed.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import numpy as np
import prometheus_client
import structlog

from services.simulator.episodes.scores import EpisodeScore
from services.simulator.rollouts.gatherer import Gathered, Gatherer, GathererSettings
from services.simulator.segments.offers import OfferRing
from somersault.errors import EnvironmentFailedError
from somersault.runtime import telemetry
from somersault.runtime.call_record import CallRecord
from somersault.tasks import Task

__all__ = ["GathererThread", "Statistics"]

_log = structlog.get_logger()

_CLOSE_S = 1.0
_HANG_S = 30.0
_WATCH_S = 5.0
_MAX_FAILURES, _WINDOW_S = 3, 60.0  # so many within it are no rare mishap
_NUM_ENV_STEPS = prometheus_client.Counter(
    "somersault_simulator_env_steps_total", "Environment steps gathered for a learner."
)
_NUM_FAILURES = prometheus_client.Counter(
    "somersault_simulator_environment_failures_total",
    "Times that an environment raised, or returned something else than it declares.",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Statistics:
    """How gathering has gone in this process's life."""

    recent_scores: tuple[EpisodeScore, ...] = ()
    env_steps: int = 0


class GathererThread:
    """Owns a gatherer and the one thread that does all of its work; belongs to one event loop."""

    def __init__(
        self,
        task: Task,
        *,
        incarnation: str,
        settings: GathererSettings,
        offers: OfferRing | None = None,
        call_record_path: Path | None = None,
    ) -> None:
        """Begin without a run.

        Args:
            task: What is simulated.
            incarnation: Random name of this process's life.
            settings: How many environments, and how they are stepped.
            offers: Where the segments of each rollout go; None for nowhere.
            call_record_path: File that shows which environment is being called; None for none.
        """
        self._task = task
        self._incarnation = incarnation
        self._settings = settings
        self._offers = offers
        self._calls = CallRecord(task.name, num_environments=settings.num_environments, path=call_record_path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gather")
        self._gatherer: Gatherer | None = None
        self._num_begun = 0
        self._num_rollouts = 0
        """Rollouts gathered since the environments were last begun."""
        self._failures_s: deque[float] = deque(maxlen=_MAX_FAILURES)
        self.run_id: str | None = None
        """The run whose environments are open; None before the first, and after a failure."""
        self.statistics = Statistics()

    @property
    def num_environments(self) -> int:
        """N."""
        return self._settings.num_environments

    async def begin(self, run_id: str, seed: np.random.SeedSequence) -> None:
        """Start the environments of a run, in place of any others.

        Raises:
            EnvironmentFailedError: One fails already.
        """
        # Segments of each start have names of their own.
        suffix = f"-{self._num_begun}" if self._num_begun else ""
        if self._gatherer is not None:
            self._gatherer.close()
        self._num_begun, self._num_rollouts = self._num_begun + 1, 0
        self._gatherer = await self._unless_it_fails(lambda: self._open(f"{self._incarnation}{suffix}", seed))
        self.run_id = run_id

    def add_policy(self, policy_version: int, weights: bytes) -> None:
        """Keep a policy for later assignments; see `Gatherer.add_policy`."""
        assert self._gatherer is not None, "no run was begun"
        self._gatherer.add_policy(policy_version, weights)

    async def gather(self, *, sequence: int, policy_version: int, num_steps: int) -> Gathered:
        """Gather a rollout and offer its segments; see `Gatherer.gather`.

        Raises:
            EnvironmentFailedError: One failed; see `_unless_it_fails`.
        """
        gatherer, run_id = self._gatherer, self.run_id
        assert gatherer is not None, "no run was begun"
        assert run_id is not None, "no run was begun"
        gathered = await self._unless_it_fails(
            lambda: gatherer.gather(sequence=sequence, policy_version=policy_version, num_steps=num_steps)
        )
        self._num_rollouts += 1
        self._calls.count_rollout()
        num_steps = gathered.rollout.num_steps
        _NUM_ENV_STEPS.inc(num_steps)
        self.statistics = Statistics(gathered.recent_scores, self.statistics.env_steps + num_steps)
        if self._offers is not None:
            self._offers.add(gathered.offer, run_id=run_id)
        return gathered

    async def watch_calls(self) -> NoReturn:
        """Tell the run's owner of each call of an environment that takes unusually long, once, until cancelled."""
        told = ""
        while True:
            await asyncio.sleep(_WATCH_S)
            call = self._calls.oldest()
            if call is not None and call.age_s >= _HANG_S and str(call) != told:
                told = str(call)
                telemetry.tell_owner(call.describe_wait())

    async def close(self) -> None:
        """Close the environments, unless the rollout in progress takes more than a second: nobody waits for it."""
        self._thread.shutdown(wait=False)
        if self._gatherer is None:
            return
        closing = asyncio.ensure_future(asyncio.to_thread(self._close_when_idle, self._gatherer))
        await asyncio.wait({closing}, timeout=_CLOSE_S)
        if not closing.done():
            call = self._calls.oldest()
            reason = "a rollout does not end" if call is None else str(call)
            _log.warning("environments_left_open", detail=reason)

    def _open(self, incarnation: str, seed: np.random.SeedSequence) -> Gatherer:
        return Gatherer(
            self._task, incarnation=incarnation, seed=seed, settings=self._settings, calls=self._calls
        )

    async def _unless_it_fails(self, work: Callable[[], T]) -> T:
        """Run something that calls environments, on their thread.

        Raises:
            EnvironmentFailedError: One failed. Within the first rollout since they were begun, or for the
                third time within a minute, the error is for good: it would fail again. Otherwise all
                environments are closed, to be begun anew when the learner is dialled again.
        """
        try:
            return await self._on_thread(work)
        except EnvironmentFailedError as error:
            _NUM_FAILURES.inc()
            _log.error("environment_failed", detail=str(error), num_rollouts=self._num_rollouts)
            now_s = time.monotonic()
            self._failures_s.append(now_s)
            is_often = len(self._failures_s) == _MAX_FAILURES and now_s - self._failures_s[0] < _WINDOW_S
            if self._num_rollouts == 0 or is_often:
                raise
            telemetry.tell_owner(f"{error}; all environments of this simulator begin anew")
            gatherer, self._gatherer, self.run_id = self._gatherer, None, None
            if gatherer is not None:
                await self._on_thread(lambda: _close_failed(gatherer))
            raise error.again() from None

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _close_when_idle(self, gatherer: Gatherer) -> None:
        self._thread.shutdown(wait=True)
        gatherer.close()


def _close_failed(gatherer: Gatherer) -> None:
    """Close environments one of which has failed; that it can't be closed then is only logged."""
    try:
        gatherer.close()
    except EnvironmentFailedError as error:
        _log.warning("environment_not_closed", detail=str(error))
