"""A single writer thread that commits concurrent work together.

SQLite has one writer at a time and each commit waits for the disk, so a shared commit costs all waiting callers one
wait instead of one each. No caller is told of success before the shared commit is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import prometheus_client
import sqlalchemy as sa

from services.labeler.database import failures
from somersault.errors import ResourceExhaustedError, SomersaultError
from somersault.runtime.failpoints import failpoint

__all__ = ["GroupWriter"]

_MAX_TOGETHER = 64
_MAX_WAITING = 4096

_COMMIT_SECONDS = prometheus_client.Histogram(
    "somersault_labeler_commit_seconds",
    "Seconds from the first statement of a shared commit until it is on disk.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0),
)

_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class _Job:
    work: Callable[[sa.Connection], Any]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class GroupWriter:
    """Runs units of work on one connection, several per commit, each all or nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        """Start the thread; `close` ends it."""
        self._engine = engine
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="labeler-writer")
        self._thread.start()

    async def write(self, work: Callable[[sa.Connection], _Result]) -> _Result:
        """Run ``work``; return its result once it is committed.

        If the caller is cancelled, the work may still be committed.

        Raises:
            SomersaultError: what the work raised; its changes are undone.
            ResourceExhaustedError: too many writes are waiting already.
            UnavailableError: the database can't be written now.
        """
        if self._jobs.qsize() >= _MAX_WAITING:
            raise ResourceExhaustedError(
                f"{_MAX_WAITING} changes are already waiting for the disk; try again in a second"
            )
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future(), loop)
        self._jobs.put(job)
        result: _Result = await job.future
        return result

    def close(self) -> None:
        """Commit pending writes, end the thread and close the connection."""
        self._jobs.put(None)
        self._thread.join()
        self._engine.dispose()

    def _run(self) -> None:
        is_open = True
        while is_open:
            jobs, is_open = self._take()
            if jobs:
                self._settle(jobs)

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for a job and take all that are queued; False once there will be no more."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _MAX_TOGETHER or self._jobs.empty():
                return jobs, True
            job = self._jobs.get()
        return jobs, False

    def _settle(self, jobs: Sequence[_Job]) -> None:
        try:
            outcomes = self._commit(jobs)
        except BaseException as err:
            if len(jobs) > 1:  # one of them, or the disk, failed the commit for all: retry each by itself
                for job in jobs:
                    self._settle([job])
                return
            outcomes = [failures.translate(err)]
        for job, outcome in zip(jobs, outcomes, strict=True):
            with contextlib.suppress(RuntimeError):  # the loop is closed: no caller waits any more
                job.loop.call_soon_threadsafe(_deliver, job.future, outcome)

    def _commit(self, jobs: Sequence[_Job]) -> list[object]:
        with _COMMIT_SECONDS.time(), self._engine.begin() as connection:
            outcomes = [_attempt(connection, job) for job in jobs]
            failpoint("labeler.commit.before")
        failpoint("labeler.commit.after")
        return outcomes


def _attempt(connection: sa.Connection, job: _Job) -> object:
    """Return the work's result, or the error for which it was undone."""
    connection.exec_driver_sql("SAVEPOINT work")
    try:
        result: object = job.work(connection)
    except SomersaultError as err:
        connection.exec_driver_sql("ROLLBACK TO work")
        result = err
    connection.exec_driver_sql("RELEASE work")
    return result


def _deliver(future: asyncio.Future[Any], outcome: object) -> None:
    if future.done():
        return
    if isinstance(outcome, BaseException):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
