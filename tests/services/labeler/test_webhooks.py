"""Webhooks from end to end: a labeler sends its log to a real receiver."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import prometheus_client
import pytest

from services.labeler import webhook_delivery
from services.labeler.gauges import Gauges
from services.labeler.store import gold, open_database
from somersault.errors import InvalidInputError, NotFoundError, ResourceExhaustedError
from somersault.types import Role
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler import postgresql_server
from tests.services.labeler.judging import RIGHT, answer, answer_first_segment, labeler_with_clips
from tests.services.labeler.running import (
    RUN_ID,
    RunningLabeler,
    lease,
    refused,
    running_labeler,
    submit,
    until,
)
from tests.services.labeler.test_crash import Process
from tests.services.labeler.webhook_receiver import Receiver, documented_check, receiving

# As the service, but that it tries again at once, and that the claim of who died ends soon.
_OFTEN = """
import sys
from services.labeler import webhook_delivery
from services.labeler.application import build
from services.labeler.config import LabelerConfig
from somersault import app

webhook_delivery.LOOK_S, webhook_delivery.FIRST_DELAY_S = 0.05, 0.05
webhook_delivery.CLAIM_S, webhook_delivery.MAX_ROWS = 1.0, 3
sys.exit(app.main("labeler", LabelerConfig, build))
"""


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks and tries again sooner than the service does, in smaller batches, to receivers on this machine."""
    monkeypatch.setattr(webhook_delivery, "LOOK_S", 0.05)
    monkeypatch.setattr(webhook_delivery, "FIRST_DELAY_S", 0.05)
    monkeypatch.setattr(webhook_delivery, "MAX_ROWS", 3)
    monkeypatch.setenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS", "true")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Gives a receiver that is at work."""
    async with receiving() as one:
        yield one


async def _create(labeler: RunningLabeler, url: str, **changed: Any) -> pb.CreateWebhookResponse:
    request = pb.CreateWebhookRequest(**{"run_id": RUN_ID, "url": url, **changed})
    return await labeler.as_role(Role.OWNER).CreateWebhook(request)


async def _list(labeler: RunningLabeler) -> pb.ListWebhooksResponse:
    return await labeler.as_role(Role.OWNER).ListWebhooks(pb.ListWebhooksRequest(run_id=RUN_ID))


async def _only(labeler: RunningLabeler) -> pb.Webhook:
    (webhook,) = (await _list(labeler)).webhooks
    return webhook


async def _answer(labeler: RunningLabeler, *names: str) -> None:
    """Proposes a query a name and answers it by that name."""
    await labeler.propose(*names)
    for name in names:
        await answer(labeler.as_role(Role.TEACHER), name)


async def _exported(labeler: RunningLabeler) -> list[dict[str, Any]]:
    request = pb.ExportPreferencesRequest(run_id=RUN_ID, format=pb.EXPORT_FORMAT_JSONL)
    parts = [each.part async for each in labeler.as_role(Role.OWNER).ExportPreferences(request)]
    return [json.loads(line) for line in b"".join(parts).decode().splitlines()]


async def _noted(labeler: RunningLabeler, newest: int) -> pb.Webhook:
    """Waits until the labeler knows that its only receiver has taken the log up to a position."""

    async def is_there() -> pb.Webhook | None:
        webhook = await _only(labeler)
        return webhook if webhook.delivered_cursor == newest else None

    webhook: pb.Webhook = await until(is_there)
    return webhook


async def _delivered(receiver: Receiver, newest: int) -> None:
    """Waits until a receiver has taken the log up to a position."""

    async def is_there() -> bool:
        return newest in receiver.cursors

    await until(is_there)


async def test_every_row_arrives_once_in_order_and_signed(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers, gold, changes of weight and of an answer, those of before the webhook too: the rows of an export."""
    monkeypatch.setattr(gold, "draw", lambda _: 0)
    async with labeler_with_clips(tmp_path, "a", "b", target_answers=2, gold_interval=1) as labeler:
        teachers = [await labeler.new_labeler() for _ in range(2)]
        for number, teacher in enumerate(teachers):
            await answer_first_segment(teacher, f"t{number}")
        created = await _create(labeler, receiver.url)
        await answer_first_segment(labeler.as_role(Role.LABELER), "gold")
        weight = pb.SetLabelerWeightRequest(run_id=RUN_ID, labeler_id="labeler", weight=0.5, reason='é\n"')
        await labeler.as_role(Role.OWNER).SetLabelerWeight(weight)
        change = pb.RevisePreferenceRequest(answer_id="t0", version=2, preference=RIGHT)
        await teachers[0].RevisePreference(change)
        webhook = await _noted(labeler, 5)
        rows = await _exported(labeler)
    assert [row for request in receiver.taken for row in request.rows] == rows
    assert [(row["kind"], row["is_gold"]) for row in rows[2:]] == [
        ("preference", True),
        ("weight", None),
        ("preference", False),
    ]
    is_signed = documented_check()
    assert all(is_signed(created.secret, each.headers, each.body) for each in receiver.requests)
    assert {each.headers["content-type"] for each in receiver.requests} == {"application/json"}
    for each in receiver.requests:
        data = json.loads(each.body)["data"]
        assert (data["run_id"], data["cursor"]) == (RUN_ID, each.rows[-1]["cursor"])
        first, last = each.rows[0]["cursor"], each.rows[-1]["cursor"]
        assert each.headers["webhook-id"] == f"{created.webhook_id}-{first}-{last}"
    assert (webhook.webhook_id, webhook.num_failures) == (created.webhook_id, 0)
    assert webhook.HasField("success_time")
    assert not webhook.HasField("error_time")


async def test_a_receiver_that_fails_gets_the_same_batch_until_it_takes_it(
    labeler: RunningLabeler, receiver: Receiver
) -> None:
    """Nothing is skipped, though more rows come meanwhile; the list tells of the failure."""
    receiver.fail(500)
    await _answer(labeler, "a1")
    await _create(labeler, receiver.url)

    async def has_failed() -> pb.Webhook | None:
        webhook = await _only(labeler)
        return webhook if webhook.num_failures > 1 else None

    failed = await until(has_failed)
    await _answer(labeler, *(f"b{number}" for number in range(7)))
    num_before = len(receiver.requests)
    await until(lambda: _more_than(receiver, num_before))
    tried = {(each.headers["webhook-id"], each.body) for each in receiver.requests}
    receiver.heal()
    healed = await _noted(labeler, 8)
    assert (failed.error, failed.delivered_cursor) == ("it answered 500, not 2xx", 0)
    assert len(tried) == 1
    assert [len(each.rows) for each in receiver.taken] == [1, 3, 3, 1]
    assert receiver.cursors == list(range(1, 9))
    assert (healed.num_failures, healed.error) == (0, failed.error)


async def _more_than(receiver: Receiver, num: int) -> bool:
    return len(receiver.requests) > num


async def test_a_redirect_and_a_missing_receiver_are_told(
    labeler: RunningLabeler, receiver: Receiver, tmp_path: Path
) -> None:
    """In words and in metrics."""
    num_before = {outcome: _num_deliveries(outcome) for outcome in ("refused", "unreachable")}
    receiver.fail(302, f"location: {receiver.url}elsewhere")
    await _answer(labeler, "a1")
    await _create(labeler, receiver.url)
    await _create(labeler, "http://127.0.0.1:9/hook")

    async def are_told() -> list[str] | None:
        errors = [webhook.error for webhook in (await _list(labeler)).webhooks]
        return errors if all(errors) else None

    errors = await until(are_told)
    assert errors[0] == "it answered 302; redirects are not followed"
    assert errors[1].startswith("127.0.0.1:9 can't be reached")
    assert {each.path for each in receiver.requests} == {"/hook"}
    assert all(_num_deliveries(outcome) > num for outcome, num in num_before.items())
    database = open_database(f"sqlite:///{tmp_path}/labels.sqlite")
    await Gauges(database).refresh()
    database.close()
    waiting = "somersault_labeler_webhook_rows_waiting"
    assert prometheus_client.REGISTRY.get_sample_value(waiting, {"run_id": RUN_ID}) == 2


def _num_deliveries(outcome: str) -> float:
    name = "somersault_labeler_webhook_deliveries_total"
    return prometheus_client.REGISTRY.get_sample_value(name, {"outcome": outcome}) or 0.0


async def test_a_slow_receiver_holds_up_nobody_else(labeler: RunningLabeler, receiver: Receiver) -> None:
    """Ten rows are answered and at the other receiver before the slow one has taken its first."""
    receiver.delay_s = 3
    await _create(labeler, receiver.url)
    async with receiving() as other:
        await _create(labeler, other.url)
        async with asyncio.timeout(2.5):
            await _answer(labeler, *(f"a{number}" for number in range(10)))
            await _delivered(other, 10)
        slow, _ = (await _list(labeler)).webhooks
    assert other.cursors == list(range(1, 11))
    assert slow.delivered_cursor == 0


async def test_a_killed_labeler_goes_on_where_the_receiver_is(tmp_path: Path, receiver: Receiver) -> None:
    """Killed while a receiver is slow to answer: that batch comes again under its name, none is lost around it."""
    process = Process(tmp_path)
    await process.start("-c", _OFTEN)
    labeler = process.labeler
    await labeler.create_run()
    await _answer(labeler, *(f"a{number}" for number in range(3)))
    await _create(labeler, receiver.url)
    await _noted(labeler, 3)
    num_before = len(receiver.requests)
    receiver.delay_s = 30
    await _answer(labeler, *(f"b{number}" for number in range(5)))
    await until(lambda: _more_than(receiver, num_before))
    await process.kill()
    await labeler.close()
    receiver.heal()
    async with running_labeler(tmp_path) as other_life:
        await _noted(other_life, 8)
    names = [each.headers["webhook-id"] for each in receiver.requests]
    interrupted = receiver.requests[num_before]
    assert names.count(interrupted.headers["webhook-id"]) == 2
    assert len(set(names)) == len(names) - 1
    assert receiver.cursors == [*range(1, 4), *(row["cursor"] for row in interrupted.rows), *range(4, 9)]


async def test_a_deleted_webhook_is_sent_nothing_more(labeler: RunningLabeler, receiver: Receiver) -> None:
    """It is gone from the list, and both changes are in the audit log, without the secret."""
    owner = labeler.as_role(Role.OWNER)
    created = await _create(labeler, receiver.url)
    await _answer(labeler, "a1")
    await _delivered(receiver, 1)
    request = pb.DeleteWebhookRequest(webhook_id=created.webhook_id)
    await owner.DeleteWebhook(request)
    await _answer(labeler, "a2")
    await asyncio.sleep(0.3)
    assert receiver.cursors == [1]
    assert (await _list(labeler)).webhooks == []
    assert isinstance(await refused(owner.DeleteWebhook(request)), NotFoundError)
    entries = (await owner.ListAuditLog(pb.ListAuditLogRequest(run_id=RUN_ID))).entries
    changes = [entry for entry in entries if "Webhook" in entry.action]
    assert [(entry.action, entry.object, json.loads(entry.detail)) for entry in changes] == [
        ("DeleteWebhook", created.webhook_id, {"url": receiver.url}),
        ("CreateWebhook", created.webhook_id, {"url": receiver.url}),
    ]
    assert created.secret not in str(entries)


async def test_two_replicas_deliver_each_batch_once(tmp_path: Path, receiver: Receiver) -> None:
    """Both look often and the receiver is slow, so that both would send if one's claim did not hold."""
    async with running_labeler(tmp_path) as one, running_labeler(tmp_path) as two:
        await _check_shared(one, two, receiver)


@pytest.mark.skipif(not postgresql_server.IS_INSTALLED, reason="PostgreSQL is not installed")
async def test_two_replicas_on_postgresql_deliver_each_batch_once(tmp_path: Path, receiver: Receiver) -> None:
    """As on SQLite."""
    server = postgresql_server.PostgresqlServer()
    server.start()
    try:
        settings = {"database_url": server.url}
        async with running_labeler(tmp_path, **settings) as one, running_labeler(tmp_path, **settings) as two:
            await _check_shared(one, two, receiver)
    finally:
        server.remove()


async def _check_shared(one: RunningLabeler, two: RunningLabeler, receiver: Receiver) -> None:
    """Answers at two replicas of a labeler that knows no run yet, and looks at what one receiver gets."""
    receiver.delay_s = 0.08
    await one.create_run()
    created = await _create(one, receiver.url)
    await one.propose(*(f"p{number}" for number in range(12)))

    async def work(replica: RunningLabeler) -> None:
        while held := await lease(replica.as_role(Role.TEACHER)):
            await submit(replica.as_role(Role.TEACHER), held[0].lease_token, held[0].query.query_id)

    await asyncio.gather(work(one), work(two))
    await _delivered(receiver, 12)
    names = [each.headers["webhook-id"] for each in receiver.requests]
    assert receiver.cursors == list(range(1, 13))
    assert len(names) == len(set(names))
    assert {name.rpartition("-")[0].rpartition("-")[0] for name in names} == {created.webhook_id}


async def test_where_a_webhook_may_go_is_checked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run too, and how many there are."""
    monkeypatch.delenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS")
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        for url in ("https://10.0.0.1/", "http://a.example/", "https://me:x@a.example/", ""):
            assert isinstance(await refused(_create(labeler, url)), InvalidInputError)
        call = _create(labeler, "https://a.example/", run_id="none")
        assert isinstance(await refused(call), NotFoundError)
        for number in range(10):
            await _create(labeler, f"https://a.example/{number}")
        error = await refused(_create(labeler, "https://a.example/10"))
        assert isinstance(error, ResourceExhaustedError)
        assert "has 10 webhooks" in str(error)
        listed = (await _list(labeler)).webhooks
    assert [webhook.url for webhook in listed] == [f"https://a.example/{number}" for number in range(10)]


async def test_a_private_receiver_gets_nothing_without_the_setting(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one that was made while the setting was on; the list says why."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        await _create(labeler, receiver.url)
        await _create(labeler, receiver.url.replace("http://127.0.0.1", "https://localhost"))
    monkeypatch.delenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS")
    async with running_labeler(tmp_path) as labeler:
        await _answer(labeler, "a1")

        async def are_told() -> list[str] | None:
            errors = [webhook.error for webhook in (await _list(labeler)).webhooks]
            return errors if all(errors) else None

        plain, named = sorted(await until(are_told), reverse=True)
    assert plain.endswith("must be one that begins with https://")
    assert named.startswith("address of localhost is")
    assert receiver.requests == []
