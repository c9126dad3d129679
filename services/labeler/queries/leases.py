"""Leases: queries promised to labelers, each for a limited time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import prometheus_client

from services.labeler.changes import wait_or_poll
from services.labeler.database import Database
from services.labeler.model.labelers import Labeler
from services.labeler.model.queries import Lease, Renewal
from services.labeler.model.run_state import RunState
from services.labeler.people.admission import Admission
from services.labeler.queries import lease_repository
from services.labeler.queries.availability import QueryAvailability
from services.labeler.queries.grant_repository import LeaseRequest, grant
from services.labeler.runs import run_repository
from somersault.errors import InvalidInputError
from somersault.rpc import Notifier

__all__ = ["Leases"]

MAX_COUNT = 10
MAX_WAIT_S = 30.0
MAX_LEASE_S = 600.0
_REST_S = 0.5  # a client that ignores states and retries at once asks twice a second, not as fast as it can
DEFAULT_LEASE_S = 120.0  # a page fetches three pairs ahead, and a person may look away for a minute

_LEASED = prometheus_client.Counter(
    "somersault_labeler_queries_leased_total", "Leases given, by the labeler's role.", ["role"]
)
_RELEASED = prometheus_client.Counter(
    "somersault_labeler_queries_released_total", "Leases given back unanswered for good, by role.", ["role"]
)
_RETURNED = prometheus_client.Counter(
    "somersault_labeler_queries_returned_total",
    "Leases given back unanswered whose query may come again, by role.",
    ["role"],
)


class Leases:
    """Grants, extends and ends leases."""

    def __init__(
        self, database: Database, *, queries_changed: Notifier, max_leases: int, max_age_s: float
    ) -> None:
        """Take the database, what notifies of new queries, how many leases a labeler may hold, and each for how long."""
        self._max_age_s = max_age_s
        self._database = database
        self._queries_changed = queries_changed
        self._max_leases = max_leases
        self._availability = QueryAvailability(database, queries_changed=queries_changed)

    async def lease(
        self, admission: Admission, *, run_id: str | None, count: int, wait_s: float, lease_s: float
    ) -> tuple[list[Lease], RunState | None]:
        """Lease up to ``count`` queries, oldest first, waiting for the first one; return them and the run's state.

        A paused or finished run leases none and isn't waited for; a wait ends when the run's state changes.
        Without a run, and for an unknown one, the state is None.

        Args:
            admission: Who asks, with which token.
            run_id: Only this run's; None for any run's.
            count: 1 to 10.
            wait_s: 0 to 30 seconds.
            lease_s: 1 to 600 seconds; 0 means 120.

        Raises:
            InvalidInputError: a number is out of its bounds.
            ResourceExhaustedError: the labeler holds too many leases.
            NotFoundError: the run is still unknown when the wait is over.
            UnauthenticatedError: the token was revoked during the wait; nothing is leased.
        """
        _check("count", count, 1, MAX_COUNT)
        _check("wait_s", wait_s, 0, MAX_WAIT_S)
        lease_s = _duration(lease_s)
        give_up = time.monotonic() + wait_s
        change = self._queries_changed.next
        began: RunState | None = None

        request = LeaseRequest(
            labeler=admission.labeler,
            run_id=run_id,
            count=count,
            lease_s=lease_s,
            max_leases=self._max_leases,
        )
        while True:
            leased = await self._database.write_together(grant, request)
            state = await self._state(run_id)
            if leased:
                _LEASED.labels(admission.labeler.role.value).inc(len(leased))
            if leased or (began and state is not began):
                return leased, state
            began = state
            if began and not began.is_leasing:
                give_up = min(give_up, time.monotonic() + _REST_S)
            if not await self._wait(admission, change, run_id=run_id, began=began, until=give_up):
                return [], await self._known_state(run_id)
            change, request = self._queries_changed.next, replace(request, check=admission.lock)

    async def _state(self, run_id: str | None) -> RunState | None:
        return None if run_id is None else await self._availability.state(run_id)

    async def _known_state(self, run_id: str | None) -> RunState | None:
        """Return the run's state.

        Raises:
            NotFoundError: it is unknown.
        """
        if run_id is None:
            return None
        return (await self._database.read(lambda connection: run_repository.read(connection, run_id))).state

    async def renew(self, labeler: Labeler, *, token: str, lease_s: float) -> Renewal:
        """Extend a lease, at most to its last end.

        Raises:
            FailedPreconditionError: it is not the labeler's, or it has ended.
        """
        lease_s = _duration(lease_s)
        return await self._database.write(
            lambda connection: lease_repository.renew(
                connection, labeler, token=token, lease_s=lease_s, max_age_s=self._max_age_s
            )
        )

    async def release(self, labeler: Labeler, *, token: str, is_returned: bool) -> None:
        """End a lease without an answer. The query goes to other labelers, and if only returned, to the same one too.

        Raises:
            FailedPreconditionError: the lease is not the labeler's, or was answered.
        """
        await self._database.write(
            lambda connection: lease_repository.release(
                connection, labeler, token=token, is_returned=is_returned
            )
        )
        (_RETURNED if is_returned else _RELEASED).labels(labeler.role.value).inc()
        self._queries_changed.notify()

    async def _wait(
        self,
        admission: Admission,
        change: asyncio.Event,
        *,
        run_id: str | None,
        began: RunState | None,
        until: float,
    ) -> bool:
        """Wait until there may be a query to lease or the run's state has changed; False when the time is up."""
        while (left_s := until - time.monotonic()) > 0:
            await wait_or_poll(change, timeout_s=left_s)
            await admission.check()
            change = self._queries_changed.next
            # Looking takes no lock, so many can wait without blocking writers.
            if await self._availability.has_any(admission.labeler, run_id=run_id):
                return True
            if await self._state(run_id) is not began:
                return True
        return False


def _check(field: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise InvalidInputError(field, value, f"{least:g} to {most:g}")


def _duration(lease_s: float) -> float:
    lease_s = lease_s or DEFAULT_LEASE_S
    _check("lease_s", lease_s, 1, MAX_LEASE_S)
    return lease_s
