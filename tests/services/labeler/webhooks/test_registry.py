"""What owners do with webhooks: make, list and delete them, and see what is wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import prometheus_client
import pytest

from services.labeler.database import open_database
from services.labeler.oversight.gauges import Gauges
from services.labeler.webhooks import delivery
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError, NotFoundError, ResourceExhaustedError
from somersault.runtime.urls import sqlite_url
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, RunningLabeler, refused, running_labeler, until
from tests.services.labeler.webhooks.receiver import (
    Receiver,
    answer_each,
    create_webhook,
    list_webhooks,
    receiving,
    until_noted,
)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look and try again sooner than the service does, to receivers on this machine."""
    monkeypatch.setattr(delivery, "LOOK_S", 0.05)
    monkeypatch.setattr(delivery, "FIRST_DELAY_S", 0.05)
    monkeypatch.setenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS", "true")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Return a receiver that is at work."""
    async with receiving() as one:
        yield one


async def test_a_redirect_and_a_missing_receiver_are_told(
    labeler: RunningLabeler, receiver: Receiver, tmp_path: Path
) -> None:
    """In words and in metrics."""
    num_before = {outcome: _num_deliveries(outcome) for outcome in ("refused", "unreachable")}
    receiver.fail(302, f"location: {receiver.url}elsewhere")
    await answer_each(labeler, "a1")
    await create_webhook(labeler, receiver.url)
    await create_webhook(labeler, "http://127.0.0.1:9/hook")

    async def are_told() -> list[str] | None:
        errors = [webhook.error for webhook in (await list_webhooks(labeler)).webhooks]
        return errors if all(errors) else None

    errors = await until(are_told)
    assert errors[0] == "it answered 302; redirects are not followed"
    assert errors[1].startswith("127.0.0.1:9 can't be reached")
    assert {each.path for each in receiver.requests} == {"/hook"}
    assert all(_num_deliveries(outcome) > num for outcome, num in num_before.items())
    database = open_database(sqlite_url(tmp_path / "labels.sqlite"))
    await Gauges(database).refresh()
    database.close()
    waiting = "somersault_labeler_webhook_rows_waiting"
    assert prometheus_client.REGISTRY.get_sample_value(waiting, {"run_id": RUN_ID}) == 2


def _num_deliveries(outcome: str) -> float:
    name = "somersault_labeler_webhook_deliveries_total"
    return prometheus_client.REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0.0


async def test_a_deleted_webhook_is_sent_nothing_more(labeler: RunningLabeler, receiver: Receiver) -> None:
    """It is gone from the list, and both changes are in the audit log, without the secret."""
    owner = labeler.as_role(Role.OWNER)
    created = await create_webhook(labeler, receiver.url)
    await answer_each(labeler, "a1")
    await until_noted(labeler, 1)
    request = pb.DeleteWebhookRequest(webhook_id=created.webhook_id)
    await owner.DeleteWebhook(request)
    await answer_each(labeler, "a2")
    await asyncio.sleep(0.3)
    assert receiver.cursors == [1]
    assert (await list_webhooks(labeler)).webhooks == []
    assert isinstance(await refused(owner.DeleteWebhook(request)), NotFoundError)
    entries = (await owner.ListAuditLog(pb.ListAuditLogRequest(run_id=RUN_ID))).entries
    changes = [entry for entry in entries if "Webhook" in entry.action]
    assert [(entry.action, entry.object, json.loads(entry.detail)) for entry in changes] == [
        ("DeleteWebhook", created.webhook_id, {"url": receiver.url}),
        ("CreateWebhook", created.webhook_id, {"url": receiver.url}),
    ]
    assert created.secret not in str(entries)


async def test_where_a_webhook_may_go_is_checked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run too, and how many there are."""
    monkeypatch.delenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS")
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        for url in ("https://10.0.0.1/", "http://a.example/", "https://me:x@a.example/", ""):
            assert isinstance(await refused(create_webhook(labeler, url)), InvalidInputError)
        call = create_webhook(labeler, "https://a.example/", run_id="none")
        assert isinstance(await refused(call), NotFoundError)
        for number in range(10):
            await create_webhook(labeler, f"https://a.example/{number}")
        error = await refused(create_webhook(labeler, "https://a.example/10"))
        assert isinstance(error, ResourceExhaustedError)
        assert "has 10 webhooks" in str(error)
        listed = (await list_webhooks(labeler)).webhooks
    assert [webhook.url for webhook in listed] == [f"https://a.example/{number}" for number in range(10)]


async def test_a_private_receiver_gets_nothing_without_the_setting(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was made while the setting was on; the list says why."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        await create_webhook(labeler, receiver.url)
        await create_webhook(labeler, receiver.url.replace("http://127.0.0.1", "https://localhost"))
    monkeypatch.delenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS")
    async with running_labeler(tmp_path) as labeler:
        await answer_each(labeler, "a1")

        async def are_told() -> list[str] | None:
            errors = [webhook.error for webhook in (await list_webhooks(labeler)).webhooks]
            return errors if all(errors) else None

        plain, named = sorted(await until(are_told), reverse=True)
    assert plain.endswith("must be one that begins with https://")
    assert named.startswith("address of localhost is")
    assert receiver.requests == []
