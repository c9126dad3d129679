"""The environments of a simulator over any number of runs: begun, kept while the learner is away, begun anew after a failure."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn, TypeVar

import prometheus_client
import structlog

from services.simulator.rollouts.gatherer import Gathered, Gatherer
from somersault.errors import EnvironmentFailedError
from somersault.runtime import telemetry
from somersault.runtime.call_record import CallRecord

__all__ = ["EnvironmentLife"]

_log = structlog.get_logger()

_CLOSE_S = 1.0
_HANG_S = 30.0
_LOOK_S = 5.0
_MAX_FAILURES, _WINDOW_S = 3, 60.0  # so often within it is no rare mishap
_NUM_FAILURES = prometheus_client.Counter(
    "somersault_simulator_environment_failures_total",
    "Times that an environment raised, or gave something else than it declares.",
)

T = TypeVar("T")


class EnvironmentLife:
    """Owns a gatherer and the one thread on which all of its work is done; belongs to one event loop."""

    def __init__(self, name: str, *, num_environments: int, call_record_path: Path | None = None) -> None:
        """Take the environments' name, how many there are, and the file that shows which is being called; None for none."""
        self.calls = CallRecord(name, num_environments=num_environments, path=call_record_path)
        self.gatherer: Gatherer | None = None
        """The one of `run_id`; None before the first, and after a failure."""
        self.run_id = ""
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gather")
        self._num_begun = 0
        self._num_rollouts = 0
        """Rollouts gathered since they were begun last."""
        self._failures_s: deque[float] = deque(maxlen=_MAX_FAILURES)

    async def begin(self, run_id: str, make: Callable[[str], Gatherer]) -> None:
        """Begin a run's environments, instead of another's.

        Args:
            run_id: The run.
            make: Makes them; told what to add to names, different each time in a simulator's life.

        Raises:
            EnvironmentFailedError: One fails already.
        """
        suffix = f"-{self._num_begun}" if self._num_begun else ""
        if self.gatherer is not None:
            self.gatherer.close()
        self._num_begun, self._num_rollouts = self._num_begun + 1, 0
        self.gatherer = await self._unless_it_fails(lambda: make(suffix))
        self.run_id = run_id

    async def gather(self, *, sequence: int, policy_version: int, num_steps: int) -> Gathered:
        """Gather a rollout; see `Gatherer.gather`.

        Raises:
            EnvironmentFailedError: One failed; see `_unless_it_fails`.
        """
        gatherer = self.gatherer
        assert gatherer is not None, "nothing was begun"
        gathered = await self._unless_it_fails(
            lambda: gatherer.gather(sequence=sequence, policy_version=policy_version, num_steps=num_steps)
        )
        self._num_rollouts += 1
        self.calls.count_rollout()
        return gathered

    async def watch_calls(self) -> NoReturn:
        """Tell the run's owner of each call of an environment that takes unusually long, once, until cancelled."""
        told = ""
        while True:
            await asyncio.sleep(_LOOK_S)
            call = self.calls.oldest()
            if call is not None and call.age_s >= _HANG_S and str(call) != told:
                told = str(call)
                telemetry.tell_owner(call.describe_wait())

    async def close(self) -> None:
        """Close the environments, unless a rollout is in progress that does not end within a second: nobody wants it."""
        self._thread.shutdown(wait=False)
        if self.gatherer is None:
            return
        closing = asyncio.ensure_future(asyncio.to_thread(self._close_when_idle, self.gatherer))
        await asyncio.wait({closing}, timeout=_CLOSE_S)
        if not closing.done():
            call = self.calls.oldest()
            reason = "a rollout does not end" if call is None else str(call)
            _log.warning("environments_left_open", detail=reason)

    async def _unless_it_fails(self, work: Callable[[], T]) -> T:
        """Do what calls environments, on their thread.

        Raises:
            EnvironmentFailedError: One failed. Within the first rollout since they were begun, or for the third time
                within a minute, it would fail again, so nobody should try again. Else all are given up, and begun anew
                when the learner is dialled again.
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
            gatherer, self.gatherer, self.run_id = self.gatherer, None, ""
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
