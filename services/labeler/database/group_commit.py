"""A single writer thread that commits concurrent work together.

Each commit waits for the disk, and on PostgreSQL each statement for its round trip, so a shared commit costs all waiting callers
one wait instead of one each. No caller is told of success before the shared commit is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
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

__all__ = ["LATER", "NUM_ATTEMPTS", "GroupWriter", "Later", "Together"]

NUM_ATTEMPTS = 4
"""How often a transaction is tried that lost a race against another."""

_MAX_TOGETHER = 64
_MAX_WAITING = 4096

_COMMIT_SECONDS = prometheus_client.Histogram(
    "somersault_labeler_commit_seconds",
    "Seconds from the first statement of a shared commit until it is on disk.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0),
)

_Request = TypeVar("_Request")
_Result = TypeVar("_Result")


class Later(enum.Enum):
    """The type of `LATER`."""

    LATER = enum.auto()


LATER = Later.LATER
"""The outcome of a request that is to be done in the next transaction."""

Together = Callable[[sa.Connection, Sequence[_Request]], Sequence[_Result | SomersaultError | Later]]
"""Work done for several requests at once: returns the outcome of each. One that ends in an error has changed nothing.

If it raises, all is undone and each request is done in a transaction of its own.
"""


@dataclass(slots=True)
class _Job:
    work: Together[Any, Any]
    request: Any
    is_last: bool
    future: asyncio.Future[Any]
    outcome: object = None


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
        result: _Result = await self.write_together(_one_by_one, work)
        return result

    async def write_together(
        self, work: Together[_Request, _Result], request: _Request, *, is_last: bool = False
    ) -> _Result:
        """Do a request together with others for the same ``work``; return its result once it is committed.

        Args:
            work: A function of a module, so that others give the same.
            request: What it is to do.
            is_last: Whether it goes last in its transaction: others wait for what it locks.

        Raises:
            SomersaultError: the request's outcome.
            ResourceExhaustedError: too many writes are waiting already.
            UnavailableError: the database can't be written now.
        """
        if self._jobs.qsize() >= _MAX_WAITING:
            raise ResourceExhaustedError(
                f"{_MAX_WAITING} changes are already waiting for the disk; try again in a second"
            )
        job = _Job(work, request, is_last, asyncio.get_running_loop().create_future())
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
            while jobs:
                jobs = self._settle(jobs)

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

    def _settle(self, jobs: Sequence[_Job]) -> list[_Job]:
        """Commit jobs and tell their callers; return those that are to be done next."""
        try:
            self._commit(jobs)
        except BaseException as err:
            if len(jobs) > 1 and not failures.is_lost(err):
                # One of them, or the disk, failed the commit for all: do each by itself.
                return [left for job in jobs for left in self._settle([job])]
            for job in jobs:
                job.outcome = failures.translate(err)
        _tell([job for job in jobs if job.outcome is not LATER])
        return [job for job in jobs if job.outcome is LATER]

    def _commit(self, jobs: Sequence[_Job]) -> None:
        attempt = 1
        while True:
            try:
                with _COMMIT_SECONDS.time(), self._engine.begin() as connection:
                    _do(connection, jobs)
                    failpoint("labeler.commit.before")
                failpoint("labeler.commit.after")
            except sa.exc.DBAPIError as err:
                if len(jobs) > 1 or attempt == NUM_ATTEMPTS or not failures.is_passing(err):
                    raise
            else:
                return
            attempt += 1


def _do(connection: sa.Connection, jobs: Sequence[_Job]) -> None:
    groups: dict[Together[Any, Any], list[_Job]] = {}
    for job in sorted(jobs, key=lambda job: job.is_last):
        groups.setdefault(job.work, []).append(job)
    for work, group in groups.items():
        outcomes = work(connection, [job.request for job in group])
        for job, outcome in zip(group, outcomes, strict=True):
            job.outcome = outcome


def _one_by_one(
    connection: sa.Connection, works: Sequence[Callable[[sa.Connection], _Result]]
) -> list[_Result | SomersaultError | Later]:
    return [_attempt(connection, work) for work in works]


def _attempt(
    connection: sa.Connection, work: Callable[[sa.Connection], _Result]
) -> _Result | SomersaultError:
    """Return the work's result, or the error for which it was undone."""
    connection.exec_driver_sql("SAVEPOINT work")
    try:
        result: _Result | SomersaultError = work(connection)
    except SomersaultError as err:
        connection.exec_driver_sql("ROLLBACK TO work")
        result = err
    connection.exec_driver_sql("RELEASE work")
    return result


def _tell(jobs: Sequence[_Job]) -> None:
    """Wake those who wait for jobs, of each event loop at once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.future.get_loop(), []).append(job)
    for loop, told in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: no caller waits any more
            loop.call_soon_threadsafe(_deliver, told)


def _deliver(jobs: Sequence[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if isinstance(job.outcome, BaseException):
            job.future.set_exception(job.outcome)
        else:
            job.future.set_result(job.outcome)
