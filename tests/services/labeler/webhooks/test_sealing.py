"""Webhooks' secrets at rest: a copy of the database gives none away."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from services.labeler.webhooks import messages
from services.labeler.webhooks.sealing import SecretBox
from somersault.domain.roles import Role
from somersault.errors import ConfigError, CorruptDataError, FailedPreconditionError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import RUN_ID, running_labeler


def _bytes_of_database(folder: Path) -> bytes:
    return b"".join(
        path.read_bytes() for path in sorted(folder.glob("labels.sqlite*")) if path.suffix != ".key"
    )


def _holds(folder: Path, secret: str) -> bool:
    return secret.removeprefix("whsec_").encode() in _bytes_of_database(folder)


async def test_the_database_gives_no_webhooks_secret_away(tmp_path: Path) -> None:
    """Neither its file nor its log has it; the key is beside it, its owner's alone, and the same after a restart."""
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
        assert not (tmp_path / "labels.sqlite.key").exists()
        request = pb.CreateWebhookRequest(run_id=RUN_ID, url="https://example.com/hook")
        made = await labeler.as_role(Role.OWNER).CreateWebhook(request)
        assert not _holds(tmp_path, made.secret)
    key = tmp_path / "labels.sqlite.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with closing(sqlite3.connect(tmp_path / "labels.sqlite")) as connection:
        ((stored,),) = connection.execute("SELECT secret FROM webhooks").fetchall()
    assert SecretBox(key).open(made.webhook_id, stored) == made.secret


async def test_secrets_of_an_older_version_are_encrypted_at_the_start(tmp_path: Path) -> None:
    """And nothing of them stays in the database's files, not even in what it has freed."""
    secret = messages.new_secret()
    async with running_labeler(tmp_path) as labeler:
        await labeler.create_run()
    with closing(sqlite3.connect(tmp_path / "labels.sqlite")) as connection, connection:
        connection.execute(
            "INSERT INTO webhooks (webhook_id, run_id, url, secret, created_ms) VALUES ('w', ?, 'https://a.example', ?, 0)",
            (RUN_ID, secret),
        )
    assert _holds(tmp_path, secret)
    async with running_labeler(tmp_path):
        assert not _holds(tmp_path, secret)
        with closing(sqlite3.connect(tmp_path / "labels.sqlite")) as connection:
            ((stored,),) = connection.execute("SELECT secret FROM webhooks").fetchall()
    assert SecretBox(tmp_path / "labels.sqlite.key").open("w", stored) == secret


def test_a_secret_is_of_one_webhook_and_one_key(tmp_path: Path) -> None:
    """A row can't be passed off as another's, and a lost or another key is told."""
    box, secret = SecretBox(tmp_path / "key"), messages.new_secret()
    sealed = box.seal("w", secret)
    assert box.open("w", sealed) == secret
    assert len(sealed) <= 100
    with pytest.raises(CorruptDataError, match="another key"):
        box.open("v", sealed)
    SecretBox(tmp_path / "other").seal("w", secret)
    with pytest.raises(CorruptDataError, match="another key"):
        SecretBox(tmp_path / "other").open("w", sealed)
    with pytest.raises(CorruptDataError, match="missing"):
        SecretBox(tmp_path / "none").open("w", sealed)
    with pytest.raises(FailedPreconditionError, match="secret_key_path"):
        SecretBox(None).seal("w", secret)


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "ab" * 31])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: str) -> None:
    """It is never written over."""
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(content)
    with pytest.raises(ConfigError, match="secret_key_path"):
        SecretBox(path).seal("w", messages.new_secret())
    assert path.read_text() == content


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """As a token file is."""
    path = tmp_path / "key"
    path.write_text("ab" * 32)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        SecretBox(path).seal("w", messages.new_secret())
