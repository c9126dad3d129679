"""Has simulators render the clips that are wanted and verifies them, so that nobody is ever shown an empty player.

Which clips are wanted, which is next and how often each failed is in the database, so a restart continues.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from typing import Protocol

import prometheus_client
import sqlalchemy as sa
import structlog

from services.labeler.changes import wait_or_poll
from services.labeler.clips import render_queue_repository
from services.labeler.clips.render_queue_repository import RenderTask
from services.labeler.database import Database
from somersault.errors import (
    CorruptDataError,
    ResourceExhaustedError,
    SomersaultError,
    UnavailableError,
)
from somersault.rpc import Notifier
from somersault.runtime.failpoints import failpoint
from somersault.storage import STORE_THREADS, ObjectStore

__all__ = ["RenderQueue", "Renderer"]

MAX_CLIP_BYTES = 16 * 1024**2
_MARGIN_S = 10.0  # to read a clip back once it is rendered
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.25, 2.0  # a simulator is back in a second or two

_CLIPS = prometheus_client.Counter(
    "somersault_labeler_clips_total",
    "Attempts to render clips: stored, failed (once), unavailable (a simulator or the store), given_up.",
    ["outcome"],
)
_CLIP_SECONDS = prometheus_client.Histogram(
    "somersault_labeler_clip_seconds", "Seconds to render, store and verify a clip."
)
_READY = prometheus_client.Counter(
    "somersault_labeler_queries_ready_total", "Queries whose two clips became ready to show."
)

_log = structlog.get_logger()


class Renderer(Protocol):
    """Renders segments."""

    async def render(self, *, segment_uri: str, clip_uri: str) -> str:
        """Render a segment, store the clip, and return the clip's SHA-256."""
        ...


class RenderQueue:
    """Renders the wanted clips, a few at a time."""

    def __init__(
        self,
        database: Database,
        store: ObjectStore,
        renderer: Renderer,
        *,
        queries_changed: Notifier,
        max_concurrent: int,
        max_failures: int,
        timeout_s: float,
    ) -> None:
        """Take the database, the object store, what renders, and the bounds on attempts."""
        self._database = database
        self._store = store
        self._renderer = renderer
        self._queries_changed = queries_changed
        self._max_concurrent = max_concurrent
        self._max_failures = max_failures
        self._claim_s = timeout_s + _MARGIN_S
        self._num_unavailable = 0

    async def run(self) -> None:
        """Render what is wanted until cancelled."""
        await self._persist(render_queue_repository.release_claims)
        async with asyncio.TaskGroup() as group:
            rendering: set[asyncio.Task[None]] = set()
            while True:
                change = self._queries_changed.next
                room = self._max_concurrent - len(rendering)
                tasks = await self._claim(room) if room else []
                for task in tasks:
                    started = group.create_task(self._render(task))
                    rendering.add(started)
                    started.add_done_callback(rendering.discard)
                await self._wait(change, rendering, is_full=len(rendering) >= self._max_concurrent)

    async def _wait(
        self, change: asyncio.Event, rendering: set[asyncio.Task[None]], *, is_full: bool
    ) -> None:
        if is_full:
            await asyncio.wait(rendering, return_when=asyncio.FIRST_COMPLETED)
        else:
            await wait_or_poll(change)

    async def _claim(self, count: int) -> list[RenderTask]:
        claim = functools.partial(render_queue_repository.claim, count=count, claim_s=self._claim_s)
        try:
            # Looking first takes no lock, and mostly there is nothing.
            if not await self._database.read(render_queue_repository.has_waiting):
                return []
            return await self._database.write(claim)
        except UnavailableError as err:
            _log.warning("clips_wait_for_database", error=str(err))
            return []

    async def _render(self, task: RenderTask) -> None:
        try:
            with _CLIP_SECONDS.time():
                sha256 = await self._renderer.render(segment_uri=task.segment_uri, clip_uri=task.clip_uri)
                await STORE_THREADS.run_within(_MARGIN_S, _verify, self._store, task.clip_uri, sha256)
                failpoint("labeler.clip.verified")
        except SomersaultError as err:
            if isinstance(err, UnavailableError) and not err.is_hopeless:
                await self._postpone(task, err)
            else:
                await self._count_failure(task, err)
        else:
            self._num_unavailable = 0
            _CLIPS.labels("stored").inc()
            _READY.inc(
                await self._persist(
                    functools.partial(render_queue_repository.store, task=task, sha256=sha256)
                )
            )
            failpoint("labeler.clip.recorded")
            self._queries_changed.notify()

    async def _postpone(self, task: RenderTask, err: SomersaultError) -> None:
        """Schedule another attempt, however many there were: nothing is wrong with the segment."""
        _CLIPS.labels("unavailable").inc()
        _log.warning("clip_postponed", segment_id=task.segment_id, error=str(err))
        delay_s = _delay_s(self._num_unavailable)
        self._num_unavailable += 1
        await self._persist(
            functools.partial(
                render_queue_repository.postpone,
                task=task,
                num_failures=task.num_failures,
                delay_s=delay_s,
                reason=str(err),
            )
        )

    async def _count_failure(self, task: RenderTask, err: SomersaultError) -> None:
        num_failures = task.num_failures + 1
        is_last = num_failures >= self._max_failures
        _CLIPS.labels("given_up" if is_last else "failed").inc()
        _log.error(
            "clip_given_up" if is_last else "clip_failed",
            run_id=task.run_id,
            segment_id=task.segment_id,
            num_failures=num_failures,
            error=str(err),
        )
        if is_last:
            await self._persist(functools.partial(render_queue_repository.fail, task=task, reason=str(err)))
            self._queries_changed.notify()
            return
        await self._persist(
            functools.partial(
                render_queue_repository.postpone,
                task=task,
                num_failures=num_failures,
                delay_s=_delay_s(task.num_failures),
                reason=str(err),
            )
        )

    async def _persist(self, work: Callable[[sa.Connection], int | None]) -> int:
        """Write an attempt's outcome; if the database is down, the claim ends and the clip is tried again."""
        try:
            return await self._database.write(work) or 0
        except UnavailableError as err:
            _log.warning("clips_wait_for_database", error=str(err))
            return 0


def _verify(store: ObjectStore, key: str, sha256: str) -> None:
    """Read a clip back.

    Raises:
        SomersaultError: it can't be read, isn't what was rendered, or is too large to be sent.
    """
    if not sha256:
        raise CorruptDataError(f"the simulator gave no SHA-256 of {key!r}")
    size = len(store.get(key, expect_sha256=sha256))
    if not 0 < size <= MAX_CLIP_BYTES:
        raise ResourceExhaustedError(f"clip {key!r} has {size} bytes, not 1 to {MAX_CLIP_BYTES}")


def _delay_s(num_before: int) -> float:
    return float(min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** min(num_before, 16)))
