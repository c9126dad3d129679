"""Stores checkpoints beside the loop: a store that is slow, full or away holds no improvement up and ends nothing.

At most two snapshots are held, the one being stored and the newest one that waits; a newer one takes the place of one that
waits. A failed try is repeated until it succeeds or something newer is there to be stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import prometheus_client
import structlog

from services.learner.checkpoints import CheckpointStore, Counters, Snapshot
from somersault.errors import SomersaultError
from somersault.rpc import Backoff, Notifier, wait_for_change
from somersault.runtime.telemetry import tell_owner
from somersault.storage import STORE_THREADS

__all__ = ["CheckpointWriter"]

_log = structlog.get_logger()

_NUM_FAILED = prometheus_client.Counter(
    "somersault_learner_failed_checkpoints_total", "Tries to store a checkpoint that failed"
)
_STORED_STEPS = prometheus_client.Gauge(
    "somersault_learner_checkpoint_env_steps", "Environment steps at the last stored checkpoint"
)

_RETRY_FIRST_S = 1.0
_RETRY_CAP_S = 30.0
_SLOW_S = 10.0
"""A checkpoint of a few megabytes takes less than a second."""


class CheckpointWriter:
    """Stores the newest snapshot it was given. Used from one event loop; the store is written to in a thread."""

    def __init__(self, checkpoints: CheckpointStore, *, on_stored: Callable[[Counters], None]) -> None:
        """Write to ``checkpoints``; ``on_stored`` hears what was stored."""
        self._checkpoints = checkpoints
        self._on_stored = on_stored
        self._waiting: tuple[int, Snapshot] | None = None
        self._num_given = 0
        self._num_stored = 0
        """The newest one stored, by the number of those given."""
        self._num_failed = 0
        self._task: asyncio.Task[None] | None = None
        self._is_refused = False
        """Whether the store has refused for good, which the task ends with."""
        self._changed = Notifier()
        self._trying: tuple[float, Counters] | None = None
        """Since when the store has been busy, and with what."""
        self.failed_since: Counters | None = None
        """What the first try since the last success was to store that failed or takes long; None while all is well."""

    def begin(self, snapshot: Snapshot) -> int:
        """Begin to store a snapshot, without waiting, and return its number.

        Raises:
            SomersaultError: The store refused an earlier one for good.
        """
        self._check()
        self._note_slowness()
        self._num_given += 1
        self._waiting = self._num_given, snapshot
        self._changed.notify()
        if self._task is None:
            self._task = asyncio.create_task(self._write_all())
        return self._num_given

    async def write(self, snapshot: Snapshot, *, timeout_s: float) -> bool:
        """Store a snapshot and return whether it, or a newer one, is stored; if not yet, that is tried again and again.

        Args:
            snapshot: What is to be stored.
            timeout_s: How long to wait for the first try to succeed or fail.

        Raises:
            SomersaultError: The store refuses for good.
        """
        number = self.begin(snapshot)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait_until(lambda: self._is_over(number))
        self._check()
        return self._num_stored >= number

    def _is_over(self, number: int) -> bool:
        """Return whether a snapshot, or a newer one, was stored or failed to be, or the store has refused for good."""
        return self._is_refused or max(self._num_stored, self._num_failed) >= number

    def _check(self) -> None:
        if self._task is not None and self._task.done():
            task, self._task, self._is_refused = self._task, None, False
            task.result()

    async def _write_all(self) -> None:
        """Store what waits until nothing does."""
        backoff = Backoff(first_s=_RETRY_FIRST_S, cap_s=_RETRY_CAP_S)
        try:
            while self._waiting is not None:
                number, snapshot = self._waiting
                if await self._try_to_store(number, snapshot):
                    backoff.reset()
                else:  # until something newer is there, which is tried at once
                    await wait_for_change(self._changed.next, timeout_s=backoff.next_delay_s())
        finally:
            self._changed.notify()
        self._task = None

    async def _try_to_store(self, number: int, snapshot: Snapshot) -> bool:
        self._trying = time.monotonic(), snapshot.counters
        try:
            await STORE_THREADS.run(self._checkpoints.save, snapshot)
        except SomersaultError as error:
            if error.is_hopeless:
                self._is_refused = True
                raise
            self._note_failure(number, snapshot, error)
            return False
        finally:
            self._trying = None
        if self._waiting is not None and self._waiting[0] == number:
            self._waiting = None
        self._note_success(number, snapshot)
        return True

    def _note_slowness(self) -> None:
        """Tell of a try that is still under way when the next checkpoint is due."""
        if self._trying is None:
            return
        began_s, counters = self._trying
        waited_s = time.monotonic() - began_s
        if waited_s >= _SLOW_S and self.failed_since is None:
            self.failed_since = counters
            tell_owner(
                f"the checkpoint of step {counters.env_steps} has not been stored within {waited_s:.0f} s; learning goes on"
            )

    def _note_failure(self, number: int, snapshot: Snapshot, error: SomersaultError) -> None:
        _NUM_FAILED.inc()
        env_steps = snapshot.counters.env_steps
        _log.error("checkpoint_not_stored", env_steps=env_steps, detail=str(error))
        if self.failed_since is None:
            tell_owner(
                f"the checkpoint of step {env_steps} is not stored ({error}); learning goes on, and it is tried again"
            )
        self.failed_since = self.failed_since or snapshot.counters
        self._num_failed = number
        self._changed.notify()

    def _note_success(self, number: int, snapshot: Snapshot) -> None:
        env_steps = snapshot.counters.env_steps
        _STORED_STEPS.set(env_steps)
        _log.info("checkpoint_stored", env_steps=env_steps)
        if self.failed_since is not None:
            tell_owner(f"checkpoints are stored again, now that of step {env_steps}")
        self.failed_since = None
        self._num_stored = number
        self._on_stored(snapshot.counters)
        self._changed.notify()
