"""The teacher's loop: lease queries, decide, submit the answers."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Protocol

import prometheus_client
import structlog

from services.teacher.custom_function import FunctionFailedError
from services.teacher.labeler_client import LeasedQuery
from somersault.domain.feedback import Preference
from somersault.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    SomersaultError,
    UnavailableError,
)
from somersault.formats import sealed
from somersault.formats.sealed import NotFiniteError, SealedPart
from somersault.rpc import Backoff
from somersault.runtime import telemetry
from somersault.runtime.failpoints import failpoint
from somersault.storage import STORE_THREADS, ObjectStore

__all__ = ["TeacherLoop"]

_READ_ATTEMPTS = 3
_READ_PAUSE_S = 0.2

_ANSWERED = prometheus_client.Counter(
    "somersault_teacher_answers_total", "Answers that the labeler accepted.", ["preference"]
)
_UNREADABLE = prometheus_client.Counter(
    "somersault_teacher_unreadable_total", "Queries with a sealed part that could not be read."
)

_log = structlog.get_logger()

Decide = Callable[[SealedPart, SealedPart], Preference]


class Client(Protocol):
    """Calls the labeler."""

    async def who_am_i(self) -> str:
        """Return the teacher's labeler id, its name in the log."""
        ...

    async def lease(self, *, count: int, lease_s: float) -> list[LeasedQuery]:
        """Return up to ``count`` queries."""
        ...

    async def submit(
        self, query: LeasedQuery, *, answer_id: str, preference: Preference, response_ms: int
    ) -> None:
        """Answer a query."""
        ...


class TeacherLoop:
    """Answers a run's queries, several at a time."""

    def __init__(
        self, client: Client, store: ObjectStore, decide: Decide, *, num_leases: int, lease_s: float
    ) -> None:
        """Answer the client's queries by ``decide``, which is given the sealed parts in the store."""
        self._client = client
        self._store = store
        self._decide = decide
        self._num_leases = num_leases
        self._lease_s = lease_s
        self._has_told = False

    async def run(self) -> None:
        """Answer queries until cancelled; wait for the labeler while it is unavailable.

        Raises:
            SomersaultError: Retrying would not help: the labeler rejects the token, or a custom function failed.
        """
        backoff = Backoff()
        teacher_id: str | None = None
        while True:
            try:
                teacher_id = teacher_id or await self._client.who_am_i()
                queries = await self._client.lease(count=self._num_leases, lease_s=self._lease_s)
                await asyncio.gather(*(self._answer(query, teacher_id) for query in queries))
                backoff.reset()
            except SomersaultError as err:
                if err.is_hopeless:
                    raise
                _log.warning("labeler_waited_for", error=str(err))
                await backoff.wait()

    async def _answer(self, query: LeasedQuery, teacher_id: str) -> None:
        started = time.monotonic()
        try:
            preference = await self._judge(query)
        except UnavailableError as err:
            # Nothing is wrong with the pair: the lease expires and the query comes again.
            _log.warning("store_waited_for", query_id=query.query_id, error=str(err))
            return
        failpoint("teacher.answer.decided")
        try:
            await self._client.submit(
                query,
                answer_id=_answer_id(teacher_id, query.query_id),
                preference=preference,
                response_ms=max(1, round((time.monotonic() - started) * 1000)),
            )
        except (FailedPreconditionError, AlreadyExistsError) as err:
            # Another labeler, or this teacher before a restart, was first.
            _log.info("answer_not_wanted", query_id=query.query_id, error=str(err))
            return
        failpoint("teacher.answer.accepted")
        _ANSWERED.labels(preference.value).inc()

    async def _judge(self, query: LeasedQuery) -> Preference:
        """Return the decision, or incomparable if a sealed part can't be read.

        Raises:
            UnavailableError: The object store is unavailable.
            FunctionFailedError: A custom function failed.
        """
        for attempt in range(1, _READ_ATTEMPTS + 1):
            try:
                return await STORE_THREADS.run(self._decide_stored, query)
            except (UnavailableError, FunctionFailedError):
                raise
            except NotFiniteError as err:
                self._tell_not_finite(err)
                break
            except SomersaultError as err:
                _log.warning(
                    "sealed_part_unreadable",
                    query_id=query.query_id,
                    attempt=attempt,
                    error=str(err),
                )
            if attempt < _READ_ATTEMPTS:
                await asyncio.sleep(_READ_PAUSE_S)
        _UNREADABLE.inc()
        return Preference.INCOMPARABLE

    def _tell_not_finite(self, error: NotFiniteError) -> None:
        """Tell the run's owner, once: a reward function that fails once fails often."""
        if not self._has_told:
            self._has_told = True
            telemetry.tell_owner(f"{error}; pairs with such a segment are answered with 'can't compare'")

    def _decide_stored(self, query: LeasedQuery) -> Preference:
        left = sealed.decode(self._store.get(query.left_sealed_uri))
        return self._decide(left, sealed.decode(self._store.get(query.right_sealed_uri)))


def _answer_id(teacher_id: str, query_id: str) -> str:
    """Return the id of a teacher's answer to a query, always the same, so that it can't answer twice after a restart."""
    return f"t-{hashlib.sha256(f'{teacher_id}/{query_id}'.encode()).hexdigest()[:32]}"
