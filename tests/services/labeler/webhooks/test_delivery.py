"""Delivery from end to end: a labeler sends its log to a real receiver, whatever happens to either."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.labeler.queries import gold_repository
from services.labeler.webhooks import delivery
from somersault.domain.roles import Role
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler import postgresql_server
from tests.services.labeler.judging import RIGHT, answer_first_segment, labeler_with_clips
from tests.services.labeler.running import RUN_ID, RunningLabeler, lease, running_labeler, submit, until
from tests.services.labeler.test_crash import Process
from tests.services.labeler.webhooks.receiver import (
    Receiver,
    answer_each,
    create_webhook,
    documented_check,
    list_webhooks,
    only_webhook,
    receiving,
    until_noted,
)

_FIRST_DELAY_S = delivery.FIRST_DELAY_S  # before `often` makes it shorter

# As the service, but that it tries again at once, and that the claim of who died ends soon.
_OFTEN = """
import sys
from services.labeler.webhooks import delivery
from services.labeler.application import build
from services.labeler.config import LabelerConfig
from somersault.runtime import app

delivery.LOOK_S, delivery.FIRST_DELAY_S = 0.05, 0.05
delivery.CLAIM_S, delivery.MAX_ROWS = 1.0, 3
sys.exit(app.main("labeler", LabelerConfig, build))
"""


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look and try again sooner than the service does, in smaller batches, to receivers on this machine."""
    monkeypatch.setattr(delivery, "LOOK_S", 0.05)
    monkeypatch.setattr(delivery, "FIRST_DELAY_S", 0.05)
    monkeypatch.setattr(delivery, "MAX_ROWS", 3)
    monkeypatch.setenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS", "true")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Return a receiver that is at work."""
    async with receiving() as one:
        yield one


async def _exported(labeler: RunningLabeler) -> list[dict[str, Any]]:
    request = pb.ExportPreferencesRequest(run_id=RUN_ID, format=pb.EXPORT_FORMAT_JSONL)
    parts = [each.part async for each in labeler.as_role(Role.OWNER).ExportPreferences(request)]
    return [json.loads(line) for line in b"".join(parts).decode().splitlines()]


async def _delivered(receiver: Receiver, newest: int) -> None:
    """Wait until a receiver has taken the log up to a position."""

    async def is_there() -> bool:
        return newest in receiver.cursors

    await until(is_there)


async def test_every_row_arrives_once_in_order_and_signed(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers, gold, changes of weight and of an answer, those of before the webhook too: the rows of an export."""
    monkeypatch.setattr(gold_repository, "draw", lambda _: 0)
    async with labeler_with_clips(tmp_path, "a", "b", target_answers=2, gold_interval=1) as labeler:
        teachers = [await labeler.new_labeler() for _ in range(2)]
        for number, teacher in enumerate(teachers):
            await answer_first_segment(teacher, f"t{number}")
        created = await create_webhook(labeler, receiver.url)
        await answer_first_segment(labeler.as_role(Role.LABELER), "gold")
        weight = pb.SetLabelerWeightRequest(run_id=RUN_ID, labeler_id="labeler", weight=0.5, reason='é\n"')
        await labeler.as_role(Role.OWNER).SetLabelerWeight(weight)
        change = pb.RevisePreferenceRequest(answer_id="t0", version=2, preference=RIGHT)
        await teachers[0].RevisePreference(change)
        webhook = await until_noted(labeler, 5)
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
        first, last, commit_id = each.rows[0]["cursor"], each.rows[-1]["cursor"], data["commit_id"]
        assert commit_id == each.rows[-1]["commit_id"]
        assert each.headers["webhook-id"] == f"{created.webhook_id}-{first}-{last}-{commit_id}"
    assert (webhook.webhook_id, webhook.num_failures) == (created.webhook_id, 0)
    assert webhook.HasField("success_time")
    assert not webhook.HasField("error_time")


async def test_a_receiver_that_fails_gets_the_same_batch_until_it_takes_it(
    labeler: RunningLabeler, receiver: Receiver
) -> None:
    """Nothing is skipped, though more rows come meanwhile; the list tells of the failure."""
    receiver.fail(500)
    await answer_each(labeler, "a1")
    await create_webhook(labeler, receiver.url)

    async def has_failed() -> pb.Webhook | None:
        webhook = await only_webhook(labeler)
        return webhook if webhook.num_failures > 1 else None

    failed = await until(has_failed)
    await answer_each(labeler, *(f"b{number}" for number in range(7)))
    num_before = len(receiver.requests)
    await until(lambda: _more_than(receiver, num_before))
    tried = {(each.headers["webhook-id"], each.body) for each in receiver.requests}
    receiver.heal()
    healed = await until_noted(labeler, 8)
    assert (failed.error, failed.delivered_cursor) == ("it answered 500, not 2xx", 0)
    assert len(tried) == 1
    assert [len(each.rows) for each in receiver.taken] == [1, 3, 3, 1]
    assert receiver.cursors == list(range(1, 9))
    assert (healed.num_failures, healed.error) == (0, failed.error)


async def _more_than(receiver: Receiver, num: int) -> bool:
    return len(receiver.requests) > num


async def test_a_slow_receiver_holds_up_nobody_else(labeler: RunningLabeler, receiver: Receiver) -> None:
    """Ten rows are answered and at the other receiver before the slow one has taken its first."""
    receiver.delay_s = 9
    await create_webhook(labeler, receiver.url)
    async with receiving() as other:
        await create_webhook(labeler, other.url)
        async with asyncio.timeout(8):
            await answer_each(labeler, *(f"a{number}" for number in range(10)))
            await _delivered(other, 10)
        slow, _ = (await list_webhooks(labeler)).webhooks
    assert other.cursors == list(range(1, 11))
    assert slow.delivered_cursor == 0


async def test_a_killed_labeler_goes_on_where_the_receiver_is(tmp_path: Path, receiver: Receiver) -> None:
    """Killed while a receiver is slow to answer: that batch comes again under its name, none is lost around it."""
    process = Process(tmp_path)
    await process.start("-c", _OFTEN)
    labeler = process.labeler
    await labeler.create_run()
    await answer_each(labeler, *(f"a{number}" for number in range(3)))
    await create_webhook(labeler, receiver.url)
    await until_noted(labeler, 3)
    num_before = len(receiver.requests)
    receiver.delay_s = 30
    await answer_each(labeler, *(f"b{number}" for number in range(5)))
    await until(lambda: _more_than(receiver, num_before))
    await process.kill()
    await labeler.close()
    receiver.heal()
    async with running_labeler(tmp_path) as other_life:
        await until_noted(other_life, 8)
    names = [each.headers["webhook-id"] for each in receiver.requests]
    interrupted = receiver.requests[num_before]
    assert names.count(interrupted.headers["webhook-id"]) == 2
    assert len(set(names)) == len(names) - 1
    assert receiver.cursors == [*range(1, 4), *(row["cursor"] for row in interrupted.rows), *range(4, 9)]


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
        settings = {"database_url": server.url, "secret_key_path": tmp_path / "webhooks.key"}
        async with running_labeler(tmp_path, **settings) as one, running_labeler(tmp_path, **settings) as two:
            await _check_shared(one, two, receiver)
    finally:
        server.remove()


async def _check_shared(one: RunningLabeler, two: RunningLabeler, receiver: Receiver) -> None:
    """Answer at two replicas of a labeler that knows no run yet, and looks at what one receiver gets."""
    receiver.delay_s = 0.08
    await one.create_run()
    created = await create_webhook(one, receiver.url)
    await one.propose(*(f"p{number}" for number in range(12)))

    async def work(replica: RunningLabeler) -> None:
        while held := await lease(replica.as_role(Role.TEACHER)):
            await submit(replica.as_role(Role.TEACHER), held[0].lease_token, held[0].query.query_id)

    await asyncio.gather(work(one), work(two))
    await _delivered(receiver, 12)
    names = [each.headers["webhook-id"] for each in receiver.requests]
    assert receiver.cursors == list(range(1, 13))
    assert len(names) == len(set(names))
    assert {name.rsplit("-", 3)[0] for name in names} == {created.webhook_id}


def test_waits_between_tries_grow_to_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each drawn between half and all of 1, 2, 4, … s, at most 300, however long it fails."""
    monkeypatch.setattr(delivery, "FIRST_DELAY_S", _FIRST_DELAY_S)
    for num_before, longest_s in ((0, 1), (1, 2), (8, 256), (9, 300), (10**6, 300)):
        drawn = [delivery._delay_s(num_before) for _ in range(200)]
        assert longest_s / 2 <= min(drawn) < max(drawn) <= longest_s
