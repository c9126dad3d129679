"""Who may send what to a webhook, and what is kept of it, when claims end early and results come late."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.labeler.database import migrate, schema
from services.labeler.model.labelers import Labeler
from services.labeler.oversight import weight_repository
from services.labeler.people import labeler_repository
from services.labeler.runs import run_repository
from services.labeler.webhooks import webhook_repository
from services.labeler.webhooks.webhook_repository import Batch
from somersault.domain.preference_log import WeightChange
from somersault.domain.roles import Role
from somersault.runtime.urls import sqlite_url


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    """Return a database with a run, whose log has five positions, and a webhook."""
    engine = sa.create_engine(sqlite_url(tmp_path / "labels.sqlite"))
    migrate.to_head(engine)
    with engine.begin() as opened:
        run_repository.create(opened, run_id="r", task="hopper", question="Which?")
        run_repository.update(opened, "r", newest_cursor=5)
        webhook_repository.add(opened, webhook_id="w", run_id="r", url="https://a.example", secret="whsec_x")
        yield opened
    engine.dispose()


def _claim(connection: sa.Connection, *, count: int = 3, claim_s: float = 20) -> Batch | None:
    return webhook_repository.claim(connection, "w", count=count, claim_s=claim_s)


def _cursor(connection: sa.Connection) -> int:
    (webhook,) = webhook_repository.list_of_run(connection, "r")
    return webhook.delivered_cursor


def test_what_is_claimed_is_nobody_elses(connection: sa.Connection) -> None:
    """Until it is taken; then the rest is due, and then nothing."""
    assert webhook_repository.due(connection) == ["w"]
    first = _claim(connection)
    assert first is not None
    assert (first.begin, first.end) == (0, 3)
    assert (_claim(connection), webhook_repository.due(connection)) == (None, [])
    webhook_repository.note_success(connection, first)
    assert webhook_repository.num_waiting(connection, ["r", "none"]) == {"r": 2}
    second = _claim(connection)
    assert second is not None
    assert (second.begin, second.end) == (3, 5)
    webhook_repository.note_success(connection, second)
    assert (_claim(connection), webhook_repository.due(connection), _cursor(connection)) == (None, [], 5)


def test_a_batch_stays_the_same_however_often_it_is_tried(connection: sa.Connection) -> None:
    """Though the log grows and more could go into it."""
    first = _claim(connection, count=100, claim_s=0)
    assert first is not None
    run_repository.update(connection, "r", newest_cursor=50)
    webhook_repository.note_failure(connection, first, delay_s=0, error="x" * 1000)
    again = _claim(connection, count=100)
    assert again is not None
    assert (again.begin, again.end, again.num_failures) == (0, 5, 1)
    (webhook,) = webhook_repository.list_of_run(connection, "r")
    assert (webhook.error, webhook.num_failures) == ("x" * 500, 1)


def test_a_late_success_counts_once(connection: sa.Connection) -> None:
    """Two sent the same batch, for the first one's claim had ended: the position goes on once, never back."""
    slow = _claim(connection, claim_s=0)
    other = _claim(connection)
    assert slow is not None
    assert other is not None
    assert (slow.begin, slow.end) == (other.begin, other.end)
    webhook_repository.note_success(connection, slow)
    following = _claim(connection)
    assert following is not None
    webhook_repository.note_success(connection, following)
    webhook_repository.note_success(connection, other)
    assert _cursor(connection) == 5


def test_a_late_failure_does_not_end_anothers_claim(connection: sa.Connection) -> None:
    """Nor does it count."""
    slow = _claim(connection, claim_s=-1)
    other = _claim(connection)
    assert slow is not None
    assert other is not None
    webhook_repository.note_failure(connection, slow, delay_s=0, error="late")
    assert webhook_repository.due(connection) == []
    webhook_repository.note_success(connection, other)
    (webhook,) = webhook_repository.list_of_run(connection, "r")
    assert (webhook.delivered_cursor, webhook.num_failures, webhook.error) == (3, 0, "")


def test_a_result_for_a_deleted_webhook_is_nothing(connection: sa.Connection) -> None:
    """It stays deleted."""
    batch = _claim(connection)
    assert batch is not None
    assert webhook_repository.delete(connection, "w", runs=None).url == "https://a.example"
    webhook_repository.note_success(connection, batch)
    webhook_repository.note_failure(connection, batch, delay_s=0, error="late")
    assert webhook_repository.list_of_run(connection, "r") == []


def test_a_success_from_before_the_log_went_back_counts_for_nothing(connection: sa.Connection) -> None:
    """While a batch was on its way, its rows were lost and others got their positions: those are still due."""
    change = WeightChange(
        cursor=3, run_id="r", labeler_id="l", weight=0, commit_ms=1, changed_by="o", reason="", change_id="c"
    )
    labeler = Labeler(labeler_id="l", name="L", role=Role.LABELER, runs=None)
    labeler_repository.add(connection, labeler, token_sha256="x")
    weight_repository.add(connection, dataclasses.replace(change, commit_id="before"))
    batch = _claim(connection)
    assert batch is not None
    assert batch.commit_id == "before"
    connection.execute(sa.update(schema.weight_changes).values(commit_id="after"))
    webhook_repository.note_success(connection, batch)
    assert _cursor(connection) == 0
    connection.execute(sa.update(schema.weight_changes).values(commit_id="before"))
    webhook_repository.note_success(connection, batch)
    assert _cursor(connection) == 3
