"""Token files and the first owner."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.labeler.people.token_files import read_tokens
from somersault.domain.roles import Role
from somersault.errors import ConfigError, UnauthenticatedError
from somersault.v1 import labeler_pb2 as pb
from tests.services.labeler.running import refused, running_labeler

TOKEN = "x" * 16


def _write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)
    return path


def test_a_token_file_gives_a_token_a_role(tmp_path: Path) -> None:
    """Roles may be left out."""
    path = _write(tmp_path / "tokens.json", json.dumps({"owner": TOKEN, "teacher": TOKEN + "y"}))
    assert read_tokens(path) == {Role.OWNER: TOKEN, Role.TEACHER: TOKEN + "y"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        (json.dumps({"king": TOKEN}), "king"),
        (json.dumps({"owner": "short"}), "16 characters"),
        (json.dumps({"owner": 1}), "16 characters"),
    ],
)
def test_a_malformed_token_file_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """The message names the file and what is wrong, never a token."""
    path = _write(tmp_path / "tokens.json", text)
    with pytest.raises(ConfigError, match=told) as caught:
        read_tokens(path)
    assert str(path) in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """The message says how to set it right."""
    path = _write(tmp_path / "tokens.json", "{}", mode=0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_tokens(path)


def test_a_missing_token_file_is_refused(tmp_path: Path) -> None:
    """Rather than started without anybody who may call."""
    with pytest.raises(ConfigError, match="can't be read"):
        read_tokens(tmp_path / "none.json")


async def test_a_new_token_in_the_file_replaces_the_old(tmp_path: Path) -> None:
    """The labeler stays who it was."""
    async with running_labeler(tmp_path):
        pass
    changed = _write(tmp_path / "changed.json", json.dumps({"teacher": "another-token-0123456789"}))
    async with running_labeler(tmp_path, token_path=changed) as labeler:
        new = await labeler.as_token("another-token-0123456789").WhoAmI(pb.WhoAmIRequest())
        old = await refused(labeler.as_role(Role.TEACHER).WhoAmI(pb.WhoAmIRequest()))
    assert new.labeler_id == "teacher"
    assert isinstance(old, UnauthenticatedError)
