"""A backup of the labeler's database is restored: whoever follows the log is told that it went back, however."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from services.labeler.feedback import log_repository
from services.labeler.webhooks import delivery
from somersault.domain.roles import Role
from somersault.errors import FailedPreconditionError, InvalidInputError, SomersaultError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, RunningLabeler, refused, running_labeler
from tests.services.labeler.webhooks.receiver import (
    answer_each,
    create_webhook,
    documented_take,
    receiving,
    until_noted,
)

_BEFORE, _LOST = ("a1", "a2", "a3"), ("a4", "a5")


async def _follow(labeler: RunningLabeler, count: int, **after: Any) -> tuple[list[str], Any]:
    """Follow the log to so many rows; return their answers' names, and the last message."""
    names: list[str] = []
    last = None
    if count:
        async for last in _watch(labeler, **after):
            names += [row.answer_id for row in last.records]
            if len(names) >= count:
                break
    return names, last


def _watch(labeler: RunningLabeler, **after: Any) -> Any:
    request = pb.WatchPreferencesRequest(run_id=RUN_ID, is_complete=True, **after)
    return labeler.as_role(Role.SERVICE).WatchPreferences(request)


async def _told(labeler: RunningLabeler, **after: Any) -> SomersaultError:
    return await refused(_watch(labeler, **after).read())


async def _answer_and_restore(folder: Path, lost: Sequence[str], grown: Sequence[str]) -> Any:
    """Answer, take a backup, answer more; restore the backup and answer others; return the follower's last message."""
    async with running_labeler(folder) as labeler:
        await labeler.create_run()
        await answer_each(labeler, *_BEFORE)
    shutil.copy(folder / "labels.sqlite", folder / "backup")
    async with running_labeler(folder) as labeler:
        await answer_each(labeler, *lost)
        names, last = await _follow(labeler, len(_BEFORE) + len(lost))
        assert names == [*_BEFORE, *lost]
    shutil.copy(folder / "backup", folder / "labels.sqlite")
    async with running_labeler(folder) as labeler:
        await answer_each(labeler, *grown)
    return last


@pytest.mark.parametrize("grown", [(), ("b4",), ("b4", "b5"), ("b4", "a5", "b6"), ("a4", "a5")], ids="-".join)
async def test_who_followed_is_told(tmp_path: Path, grown: tuple[str, ...]) -> None:
    """Whether the log is shorter, as long or longer than it was, even if the same answers were given once more."""
    last = await _answer_and_restore(tmp_path, _LOST, grown)
    assert (last.cursor, last.commit_id) == (5, last.records[-1].commit_id)
    async with running_labeler(tmp_path) as labeler:
        told = await _told(labeler, cursor=5, commit_id=last.commit_id)
        assert isinstance(told, FailedPreconditionError)
        assert "went back behind position 5" in str(told)
        assert f"is now at {3 + len(grown)}" in str(told)
        names, now = await _follow(labeler, 3 + len(grown))
        assert names == [*_BEFORE, *grown]
        if grown:
            await answer_each(labeler, "next")
            assert (await _follow(labeler, 1, cursor=now.cursor, commit_id=now.commit_id))[0] == ["next"]


async def test_what_was_not_lost_is_followed_on(tmp_path: Path) -> None:
    """Who had only what the backup has goes on, and so does who never gave a commit."""
    last = await _answer_and_restore(tmp_path, (), ("b4", "b5", "b6"))
    async with running_labeler(tmp_path) as labeler:
        for commit_id in (last.commit_id, ""):
            names, _ = await _follow(labeler, 3, cursor=3, commit_id=commit_id)
            assert names == ["b4", "b5", "b6"]
        assert isinstance(await _told(labeler, cursor=7), InvalidInputError)
        assert isinstance(await _told(labeler, cursor=3, commit_id="x" * 65), InvalidInputError)
        assert isinstance(await _told(labeler, cursor=3, commit_id="x"), FailedPreconditionError)


async def test_who_follows_is_told_while_the_stream_is_open(tmp_path: Path) -> None:
    """A server of databases may fail over to a copy that lacks the newest rows, with the labeler still running."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        await answer_each(labeler, *_BEFORE)
        for going_back in (
            (
                "UPDATE preference_log SET commit_id = 'other' WHERE cursor = 3",
                "UPDATE runs SET newest_commit_id = 'other'",
            ),
            ("UPDATE runs SET newest_cursor = 2",),
        ):
            stream = _watch(labeler)
            assert (await stream.read()).cursor == 3
            with sqlite3.connect(tmp_path / "labels.sqlite") as database:
                for statement in going_back:
                    database.execute(statement)
            assert isinstance(await refused(stream.read()), FailedPreconditionError)


async def test_a_receiver_hears_of_every_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With positions that it had before, but under other names; what the page tells it to do gives it the log."""
    monkeypatch.setattr(delivery, "LOOK_S", 0.05)
    monkeypatch.setenv("SOMERSAULT_LABELER_ALLOW_PRIVATE_WEBHOOKS", "true")
    async with receiving() as receiver:
        async with running_labeler(tmp_path) as labeler:
            await labeler.create_run()
            await answer_each(labeler, *_BEFORE)
            await create_webhook(labeler, receiver.url)
            await until_noted(labeler, 3)
        shutil.copy(tmp_path / "labels.sqlite", tmp_path / "backup")
        for names in (_LOST, ("b4", "b5")):
            async with running_labeler(tmp_path) as labeler:
                await answer_each(labeler, *names)
                await until_noted(labeler, 5)
            shutil.copy(tmp_path / "backup", tmp_path / "labels.sqlite")
    sent = [request.headers["webhook-id"] for request in receiver.taken]
    assert len(set(sent)) == len(sent)
    take, rows = documented_take(), dict[int, dict[str, Any]]()
    for request in receiver.taken:
        for row in [*request.rows, *request.rows]:
            take(rows, row)
    assert [(cursor, row["answer_id"]) for cursor, row in rows.items()] == list(
        enumerate([*_BEFORE, "b4", "b5"], 1)
    )


def test_no_commit_has_the_name_of_another() -> None:
    """However often one is made."""
    assert len({log_repository.new_commit_id() for _ in range(1000)}) == 1000
