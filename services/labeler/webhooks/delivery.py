"""Delivers the log to webhooks: to each in log order, at least once, without gaps, independently of the others.

How far each is, and who is delivering, is in the database, so a restart continues and replicas share the work.
"""

from __future__ import annotations

import asyncio
import random
import time
from functools import partial

import prometheus_client
import sqlalchemy as sa
import structlog

from services.labeler.database import Database
from services.labeler.feedback import export_files, log_repository
from services.labeler.webhooks import messages, webhook_repository
from services.labeler.webhooks.client import TIMEOUT_S, WebhookClient
from services.labeler.webhooks.sealing import SecretBox
from services.labeler.webhooks.webhook_repository import Batch
from somersault.errors import (
    ConfigError,
    CorruptDataError,
    InvalidInputError,
    LogWentBackError,
    UnavailableError,
)
from somersault.runtime.failpoints import failpoint

__all__ = ["WebhookDelivery"]

MAX_ROWS = 100  # in a batch
LOOK_S = 0.5  # rows accumulate between looks, so that a busy run makes at most two requests a second
CLAIM_S = 2 * TIMEOUT_S  # an attempt, and time to record its outcome
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 300.0  # between attempts, doubling each time

_DELIVERIES = prometheus_client.Counter(
    "somersault_labeler_webhook_deliveries_total",
    "Batches sent to webhooks: delivered, refused (a status other than 2xx), unreachable, forbidden (its address), failed.",
    ["outcome"],
)

_log = structlog.get_logger()


class WebhookDelivery:
    """Delivers what waits for each webhook, in one task per webhook."""

    def __init__(self, database: Database, client: WebhookClient, box: SecretBox) -> None:
        """Take the database of the log and the webhooks, the client that calls receivers, and what decrypts secrets."""
        self._box = box
        self._database = database
        self._client = client
        # One batch is claimed and built at a time, so that webhooks catching up don't slow labelers down.
        self._making = asyncio.Lock()

    async def run(self) -> None:
        """Deliver until cancelled."""
        delivering: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                for webhook_id in await self._due():
                    if webhook_id not in delivering:
                        task = group.create_task(self._deliver(webhook_id))
                        delivering[webhook_id] = task
                        task.add_done_callback(lambda _, name=webhook_id: delivering.pop(name))  # type: ignore[misc]
                await asyncio.sleep(LOOK_S)

    async def _due(self) -> list[str]:
        try:
            return await self._database.read(webhook_repository.due)  # looking takes no lock
        except UnavailableError as err:
            _log.warning("webhooks_wait_for_database", error=str(err))
            return []

    async def _deliver(self, webhook_id: str) -> None:
        """Send batches until one fails or wasn't full, so that more rows can accumulate."""
        try:
            while True:
                async with self._making:
                    batch = await self._claim(webhook_id)
                if batch is None or not await self._try(batch) or batch.end - batch.begin < MAX_ROWS:
                    return
        except UnavailableError as err:  # of the database; the claim ends and the batch is sent again
            _log.warning("webhooks_wait_for_database", error=str(err))
        except LogWentBackError as err:  # between claiming a batch and reading its rows
            _log.error("webhooks_log_went_back", webhook_id=webhook_id, error=str(err))
        except Exception:  # a bug must hold up only this webhook, and no labeler
            _log.exception("webhook_failed", webhook_id=webhook_id)

    async def _claim(self, webhook_id: str) -> Batch | None:
        return await self._database.write(
            lambda connection: webhook_repository.claim(
                connection, webhook_id, count=MAX_ROWS, claim_s=CLAIM_S
            )
        )

    async def _try(self, batch: Batch) -> bool:
        """Send a batch, record the outcome, and return whether the receiver accepted it."""
        outcome, error = await self._make_and_send(batch)
        _DELIVERIES.labels(outcome).inc()
        if not error:
            failpoint("labeler.webhook.sent")
            await self._database.write(lambda connection: webhook_repository.note_success(connection, batch))
            failpoint("labeler.webhook.marked")
            return True
        _log.warning(
            "webhook_postponed",
            webhook_id=batch.webhook_id,
            run_id=batch.run_id,
            outcome=outcome,
            error=error,
        )
        delay_s = _delay_s(batch.num_failures)
        await self._database.write(
            lambda connection: webhook_repository.note_failure(
                connection, batch, delay_s=delay_s, error=error
            )
        )
        return False

    async def _make_and_send(self, batch: Batch) -> tuple[str, str]:
        try:
            async with self._making:
                body = await self._database.read(partial(_body, batch=batch))
            failpoint("labeler.webhook.claimed")
            return await self._send(batch, body)
        except (UnavailableError, LogWentBackError):
            raise
        except Exception as err:  # a bug, or a row that nobody thought of; whoever lists the webhook is told
            _log.exception("webhook_failed", webhook_id=batch.webhook_id)
            rows = f"rows {batch.begin + 1} to {batch.end} of the log"
            return "failed", f"{rows} can't be sent: {type(err).__name__}: {err}"

    async def _send(self, batch: Batch, body: bytes) -> tuple[str, str]:
        """Send a batch; return the outcome, and the error if it wasn't accepted."""
        name = messages.message_id(
            batch.webhook_id, begin=batch.begin, end=batch.end, commit_id=batch.commit_id
        )
        try:
            secret = await asyncio.to_thread(self._box.open, batch.webhook_id, batch.secret)
            headers = messages.headers_of(name, body, secret=secret, now_s=int(time.time()))
            status = await self._client.post(batch.url, headers, body)
        except (ConfigError, CorruptDataError) as err:
            return "failed", str(err)
        except InvalidInputError as err:
            return "forbidden", str(err)
        except UnavailableError as err:
            return "unreachable", str(err)
        if 200 <= status < 300:
            return "delivered", ""
        if 300 <= status < 400:
            return "refused", f"it answered {status}; redirects are not followed"
        return "refused", f"it answered {status}, not 2xx"


def _body(connection: sa.Connection, batch: Batch) -> bytes:
    # The log has no gaps, so this many rows end exactly at the batch's end.
    log_slice = log_repository.read_slice(
        connection, batch.run_id, cursor=batch.begin, count=batch.end - batch.begin, is_complete=True
    )
    if (log_slice.cursor, log_slice.commit_id) != (batch.end, batch.commit_id):
        raise LogWentBackError(f"the log of run {batch.run_id!r} went back behind {batch.end}")
    return messages.body_of(batch.run_id, export_files.rows_of(log_slice))


def _delay_s(num_before: int) -> float:
    """Return the seconds until the next attempt: at random between half and all of a delay that doubles each time."""
    longest_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(num_before, 16))
    return longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - not a secret
