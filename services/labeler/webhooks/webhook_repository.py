"""Webhooks: where the log is sent, how far each is, and who is delivering now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from services.labeler.database import clock, schema
from services.labeler.feedback import log_repository
from services.labeler.model.webhooks import Webhook
from services.labeler.runs import run_repository
from somersault.errors import NotFoundError, ResourceExhaustedError

__all__ = [
    "Batch",
    "add",
    "claim",
    "delete",
    "due",
    "list_of_run",
    "note_failure",
    "note_success",
    "num_waiting",
    "replace_secret",
    "secrets_of_all",
]

MAX_WEBHOOKS = 10  # per run
MAX_ERROR = 500

_TABLE = schema.webhooks
_RUNS = schema.runs
_WITH_RUN = sa.select(_TABLE, _RUNS.c.newest_cursor).join_from(
    _TABLE, _RUNS, _RUNS.c.run_id == _TABLE.c.run_id
)
_IS_WAITING = _TABLE.c.delivered_cursor < _RUNS.c.newest_cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one caller alone delivers now: the log's rows after ``begin`` up to ``end``."""

    webhook_id: str
    run_id: str
    url: str
    secret: str
    begin: int
    end: int
    commit_id: str
    """Names the commit of the row at ``end``."""
    num_failures: int
    """Failed attempts in a row."""
    claim_ms: int
    """When others may claim it; identifies the claim."""


def add(connection: sa.Connection, *, webhook_id: str, run_id: str, url: str, secret: str) -> None:
    """Add a webhook to which nothing has been sent yet.

    Raises:
        NotFoundError: the run is unknown.
        ResourceExhaustedError: the run has ten.
    """
    run_repository.lock(connection, run_id)  # two calls at once must not make an eleventh
    if len(list_of_run(connection, run_id)) >= MAX_WEBHOOKS:
        raise ResourceExhaustedError(
            f"run {run_id!r} has {MAX_WEBHOOKS} webhooks, the most allowed; delete one"
        )
    row = {"webhook_id": webhook_id, "run_id": run_id, "url": url, "secret": secret}
    connection.execute(sa.insert(_TABLE), row | {"created_ms": clock.now_ms(connection)})


def list_of_run(connection: sa.Connection, run_id: str) -> list[Webhook]:
    """Return a run's webhooks, oldest first."""
    of_run = sa.select(_TABLE).where(_TABLE.c.run_id == run_id)
    rows = connection.execute(of_run.order_by(_TABLE.c.created_ms, _TABLE.c.webhook_id))
    return [_webhook(row) for row in rows]


def delete(connection: sa.Connection, webhook_id: str, *, runs: frozenset[str] | None) -> Webhook:
    """Remove a webhook of some runs, of any for None; return it as it was. An attempt in flight is its last.

    Raises:
        NotFoundError: there is no such webhook.
    """
    is_this = _TABLE.c.webhook_id == webhook_id
    if runs is not None:
        is_this &= _TABLE.c.run_id.in_(sorted(runs))
    removed = connection.execute(sa.delete(_TABLE).where(is_this).returning(*_TABLE.c)).one_or_none()
    if removed is None:
        raise NotFoundError(f"there is no webhook {webhook_id!r}")
    return _webhook(removed)


def secrets_of_all(connection: sa.Connection) -> dict[str, str]:
    """Return what is stored of each webhook's secret."""
    rows = connection.execute(sa.select(_TABLE.c.webhook_id, _TABLE.c.secret))
    return {row.webhook_id: row.secret for row in rows}


def replace_secret(connection: sa.Connection, webhook_id: str, *, secret: str) -> None:
    """Store a webhook's secret in another form; nothing of the one before stays in the database's file."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    connection.execute(sa.update(_TABLE).where(_TABLE.c.webhook_id == webhook_id).values(secret=secret))


def due(connection: sa.Connection) -> list[str]:
    """Return the webhooks that have rows waiting and that nobody is serving now."""
    waiting = _WITH_RUN.with_only_columns(_TABLE.c.webhook_id).where(
        _IS_WAITING, _TABLE.c.next_try_ms <= clock.NOW_MS
    )
    return list(connection.execute(waiting).scalars())


def num_waiting(connection: sa.Connection, run_ids: list[str]) -> dict[str, int]:
    """Return how many rows wait to be delivered, summed over the webhooks of each run that has any."""
    num = sa.func.sum(_RUNS.c.newest_cursor - _TABLE.c.delivered_cursor)
    counted = _WITH_RUN.with_only_columns(_RUNS.c.run_id, num.label("num"))
    rows = connection.execute(counted.where(_RUNS.c.run_id.in_(run_ids)).group_by(_RUNS.c.run_id))
    return {row.run_id: int(row.num) for row in rows}


def claim(connection: sa.Connection, webhook_id: str, *, count: int, claim_s: float) -> Batch | None:
    """Claim what is to be sent next; nobody else gets anything of this webhook for ``claim_s`` seconds.

    A batch that was tried before stays the same. None if the webhook isn't due, or is gone.
    """
    now_ms = clock.now_ms(connection)
    row = connection.execute(
        _WITH_RUN.where(
            _TABLE.c.webhook_id == webhook_id, _IS_WAITING, _TABLE.c.next_try_ms <= now_ms
        ).with_for_update(skip_locked=True, of=_TABLE)
    ).one_or_none()
    if row is None:
        return None
    is_tried = row.batch_cursor > row.delivered_cursor
    end = row.batch_cursor if is_tried else min(row.delivered_cursor + count, row.newest_cursor)
    batch = Batch(
        webhook_id=webhook_id,
        run_id=row.run_id,
        url=row.url,
        secret=row.secret,
        begin=row.delivered_cursor,
        end=end,
        commit_id=log_repository.commit_id_at(connection, row.run_id, end) or "",
        num_failures=row.num_failures,
        claim_ms=now_ms + round(claim_s * 1000),
    )
    of_webhook = _TABLE.c.webhook_id == webhook_id
    connection.execute(
        sa.update(_TABLE).where(of_webhook).values(batch_cursor=batch.end, next_try_ms=batch.claim_ms)
    )
    return batch


def note_success(connection: sa.Connection, batch: Batch) -> None:
    """Record that a batch was accepted, unless another caller did after the claim had ended.

    Nothing is recorded either if the log went back meanwhile: other rows have these positions now, and are due.
    """
    if (log_repository.commit_id_at(connection, batch.run_id, batch.end) or "") != batch.commit_id:
        return
    _change(
        connection,
        batch,
        _TABLE.c.delivered_cursor == batch.begin,
        delivered_cursor=batch.end,
        num_failures=0,
        next_try_ms=0,
        success_ms=clock.now_ms(connection),
    )


def note_failure(connection: sa.Connection, batch: Batch, *, delay_s: float, error: str) -> None:
    """Record why an attempt failed and when the next one is, unless another caller has claimed it since."""
    now_ms = clock.now_ms(connection)
    _change(
        connection,
        batch,
        _TABLE.c.next_try_ms == batch.claim_ms,
        num_failures=batch.num_failures + 1,
        next_try_ms=now_ms + round(delay_s * 1000),
        error_ms=now_ms,
        error=error[:MAX_ERROR],
    )


def _change(connection: sa.Connection, batch: Batch, is_ours: sa.ColumnElement[bool], **values: Any) -> None:
    changed = sa.update(_TABLE).where(_TABLE.c.webhook_id == batch.webhook_id, is_ours)
    connection.execute(changed.values(**values))


def _webhook(row: schema.Row) -> Webhook:
    return Webhook(
        webhook_id=row.webhook_id,
        run_id=row.run_id,
        url=row.url,
        created_ms=row.created_ms,
        delivered_cursor=row.delivered_cursor,
        num_failures=row.num_failures,
        success_ms=row.success_ms,
        error_ms=row.error_ms,
        error=row.error,
    )
