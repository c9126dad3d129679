"""Gauges of the newest runs, refreshed from the database, and a count of leases that expire.

Every replica shows the same values, so take the maximum over replicas, not the sum.
"""

from __future__ import annotations

import asyncio

import prometheus_client
import structlog

from services.labeler.database import Database
from services.labeler.oversight import overview_repository
from services.labeler.oversight.overview_repository import RunOverview
from services.labeler.webhooks import webhook_repository
from somersault.errors import UnavailableError

__all__ = ["Gauges"]

REFRESH_S = 15.0
_NUM_RUNS = 20  # shown; GetStats has older ones

_QUERIES = prometheus_client.Gauge(
    "somersault_labeler_num_queries",
    "Queries of a run by state; those leased now are counted separately.",
    ["run_id", "state"],
)
_OLDEST = prometheus_client.Gauge(
    "somersault_labeler_oldest_ready_age_seconds",
    "Age of the oldest query that may be leased, by run.",
    ["run_id"],
)
_RATE = prometheus_client.Gauge(
    "somersault_labeler_answers_per_hour",
    "Answers of the last hour, by run and the labelers' role.",
    ["run_id", "role"],
)
_AGREEMENT = prometheus_client.Gauge(
    "somersault_labeler_agreement_ratio",
    "Share of pairs of answers to one query that are the same, by run.",
    ["run_id"],
)
_GOLD_ACCURACY = prometheus_client.Gauge(
    "somersault_labeler_gold_accuracy_ratio",
    "Share of gold answers that matched the unanimous answers of others, by run.",
    ["run_id"],
)
_ROWS_WAITING = prometheus_client.Gauge(
    "somersault_labeler_webhook_rows_waiting",
    "Rows of the log still to be delivered, summed over a run's webhooks.",
    ["run_id"],
)
_EXPIRED = prometheus_client.Counter(
    "somersault_labeler_leases_expired_total", "Leases that ended with neither an answer nor a release."
)

_log = structlog.get_logger()


class Gauges:
    """Refreshes the gauges from the database."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    async def run(self) -> None:
        """Refresh until cancelled, waiting for a database that is down."""
        while True:
            try:
                await self.refresh()
            except UnavailableError as err:
                _log.warning("gauges_wait_for_database", error=str(err))
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        """Set the gauges to the newest runs' current values.

        Raises:
            UnavailableError: the database can't be used now.
        """
        if await self._database.read(overview_repository.has_expired):  # looking takes no lock
            _EXPIRED.inc(await self._database.write(overview_repository.close_expired))
        newest = await self._database.read(
            lambda connection: overview_repository.read(connection, num_runs=_NUM_RUNS)
        )
        run_ids = [one.run.run_id for one in newest]
        waiting = await self._database.read(
            lambda connection: webhook_repository.num_waiting(connection, run_ids)
        )
        for gauge in (_QUERIES, _OLDEST, _RATE, _AGREEMENT, _GOLD_ACCURACY, _ROWS_WAITING):
            gauge.clear()  # drops runs that are no longer among the newest
        for one in newest:
            _show(one)
        for run_id, num_rows in waiting.items():
            _ROWS_WAITING.labels(run_id).set(num_rows)


def _show(one: RunOverview) -> None:
    run_id, stats = one.run.run_id, one.stats
    numbers = {
        "rendering": stats.num_rendering,
        "ready": stats.num_ready,
        "leased": stats.num_leased,
        "answered": stats.num_answered,
    }
    for state, number in numbers.items():
        _QUERIES.labels(run_id, state).set(number)
    _OLDEST.labels(run_id).set(stats.oldest_ready_age_s)
    _RATE.labels(run_id, "labeler").set(stats.num_last_hour_by_labelers)
    _RATE.labels(run_id, "teacher").set(stats.num_last_hour_by_teachers)
    if one.agreement is not None:
        _AGREEMENT.labels(run_id).set(one.agreement)
    if one.gold_accuracy is not None:
        _GOLD_ACCURACY.labels(run_id).set(one.gold_accuracy)
