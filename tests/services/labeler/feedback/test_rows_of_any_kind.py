"""Rows that could stop who follows the log: refused where they come in, passed on within bounds where they are stored already."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.labeler.webhooks import delivery, messages
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, RunningLabeler, proposal, refused, running_labeler
from tests.services.labeler.webhooks.receiver import (
    answer_each,
    create_webhook,
    only_webhook,
    receiving,
    until_noted,
)

_MOST_KEY = 512  # bytes, as the store takes
_LAST_MS = 253_402_300_799_999  # of the year 9999
_MOST_DURATION_S = 1e9


def _inputs() -> Iterator[tuple[str, Any]]:
    for duration_s in (math.inf, -math.inf, math.nan, 0.0, -1.0, 1e300, 1.1e9):
        yield "duration_s", duration_s
    for key in ("x" * 513, "é" * 257, "a/../b", "/a", "a\nb", "x" * 2_000_000):
        yield "segment_uri", key
        yield "sealed_uri", key


@pytest.mark.parametrize("side", ["first", "second"])
async def test_what_no_follower_could_take_is_not_proposed(labeler: RunningLabeler, side: str) -> None:
    """The error names the side, the field, its value and the bound."""
    for field, value in _inputs():
        proposed = proposal("one")
        setattr(getattr(proposed, side), field, value)
        request = pb.ProposeQueriesRequest(run_id=RUN_ID, proposals=[proposed])
        told = await refused(labeler.as_role(Role.SERVICE).ProposeQueries(request))
        assert isinstance(told, InvalidInputError)
        assert f"{side}: " in str(told)
        assert field in str(told)
        assert len(str(told)) < 1000


async def test_what_no_follower_could_take_is_not_imported(labeler: RunningLabeler) -> None:
    """The error names the row by its position."""
    await answer_each(labeler, "a")
    (row,) = await labeler.log()
    for nanos in (-1, 1_000_000_000, 2**31 - 1):
        changed = row.__class__()
        changed.CopyFrom(row)
        changed.cursor = 17
        changed.commit_time.nanos = nanos
        request = pb.ImportPreferencesRequest(run_id=RUN_ID, records=[changed])
        told = await refused(labeler.as_role(Role.OWNER).ImportPreferences(request))
        assert isinstance(told, InvalidInputError)
        assert "row 17" in str(told)
        assert "commit_time" in str(told)


def _strict(line: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    row: dict[str, Any] = json.loads(line, parse_constant=refuse)
    return row


def _damage(path: Path) -> None:
    """Make rows as an older program may have stored them: too big, too late, not finite."""
    with sqlite3.connect(path) as database:
        database.execute("UPDATE segments SET segment_uri = segment_uri || ?", ("x" * 2_000_000,))
        database.execute("UPDATE segments SET duration_s = 9e999 WHERE segment_id LIKE '%first'")
        database.execute("UPDATE preference_log SET commit_ms = 1000000000000000 WHERE cursor % 2 = 1")
        database.execute("UPDATE preference_log SET commit_ms = -5 WHERE cursor = 2")


async def test_rows_that_are_stored_already_stop_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch, both kinds of export, a list and a webhook have every one of them, cut to what each can take."""
    monkeypatch.setattr(delivery, "LOOK_S", 0.05)
    monkeypatch.setenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS", "true")
    names = [f"a{number}" for number in range(20)]
    async with receiving() as receiver, running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        await answer_each(labeler, *names)
        _damage(tmp_path / "labels.sqlite")
        owner = labeler.as_role(Role.OWNER)
        message = await owner.WatchPreferences(pb.WatchPreferencesRequest(run_id=RUN_ID)).read()
        assert [row.answer_id for row in message.records] == names
        assert message.ByteSize() < 200 * 12_000
        for row in message.records:
            assert len(row.left.segment_uri.encode()) <= _MOST_KEY
            assert {row.left.duration_s, row.right.duration_s} == {1.5, _MOST_DURATION_S}
            assert 0 <= row.commit_time.ToMilliseconds() <= _LAST_MS
        for form in (pb.EXPORT_FORMAT_JSONL, pb.EXPORT_FORMAT_PARQUET):
            request = pb.ExportPreferencesRequest(run_id=RUN_ID, format=form)
            parts = [each.part async for each in owner.ExportPreferences(request)]
            if form == pb.EXPORT_FORMAT_JSONL:
                rows = [_strict(line) for line in b"".join(parts).decode().splitlines()]
                assert [row["answer_id"] for row in rows] == names
        listed = await owner.ListQueries(pb.ListQueriesRequest(run_id=RUN_ID))
        assert (len(listed.queries), listed.ByteSize() < 1_000_000) == (20, True)
        await create_webhook(labeler, receiver.url)
        await until_noted(labeler, 20)
    assert [row["answer_id"] for request in receiver.taken for row in request.rows] == names


async def test_a_batch_that_cant_be_made_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list has the error, which names the rows, and the count of failures: whatever it is that nobody thought of."""
    monkeypatch.setattr(delivery, "LOOK_S", 0.05)
    monkeypatch.setenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS", "true")

    def fail(*_: Any, **__: Any) -> bytes:
        raise OverflowError("what nobody thought of")

    async with receiving() as receiver, running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        await answer_each(labeler, "a", "b")
        with monkeypatch.context() as patched:
            patched.setattr(messages, "body_of", fail)
            await create_webhook(labeler, receiver.url)
            async for webhook in _listed(labeler):
                if webhook.num_failures:
                    break
        assert webhook.error == "rows 1 to 2 of the log can't be sent: OverflowError: what nobody thought of"
        await until_noted(labeler, 2)
    assert [row["answer_id"] for request in receiver.taken for row in request.rows] == ["a", "b"]


async def _listed(labeler: RunningLabeler) -> Any:
    for _ in range(1000):
        yield await only_webhook(labeler)
