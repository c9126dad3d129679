"""Where the first owner's token is left by a labeler that is started without tokens.

Kind: a secret in what a service prints, which is a log wherever it isn't a terminal.
"""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from services.labeler.application import build
from services.labeler.config import LabelerConfig
from services.labeler.people import labelers
from somersault.errors import ConfigError, UnavailableError
from somersault.runtime.urls import file_url, sqlite_url
from somersault.v1 import labeler_pb2, preference_pb2
from tests.services.labeler.running import running_labeler


async def _role_of(folder: Path, token: str) -> int:
    async with running_labeler(folder, token_path=None) as labeler:
        reply = await labeler.as_token(token).WhoAmI(labeler_pb2.WhoAmIRequest())
        return int(reply.role)


def _config(folder: Path, **settings: Path) -> LabelerConfig:
    urls = {
        "database_url": sqlite_url(folder / "labels.sqlite"),
        "storage_url": file_url(folder / "objects"),
    }
    return LabelerConfig.model_validate({**urls, **settings})


@pytest.mark.parametrize("is_said", [False, True])
async def test_it_is_in_a_file_of_its_owners_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], is_said: bool
) -> None:
    """The path is printed, the token isn't, and it is good; a second start makes and says nothing."""
    path = tmp_path / ("said" if is_said else "labels.sqlite.owner-token")
    settings = {"first_token_path": path} if is_said else {}
    await (await build(_config(tmp_path, **settings))).drain()
    token, printed = path.read_text().strip(), capfd.readouterr()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in printed.out
    assert token not in printed.out + printed.err
    assert await _role_of(tmp_path, token) == preference_pb2.ROLE_OWNER
    assert "token is in" not in capfd.readouterr().out


async def test_without_a_place_no_owner_is_made(tmp_path: Path) -> None:
    """A folder that isn't there is said; once there is a place, the same database takes its first owner."""
    with pytest.raises(ConfigError, match=r"first_token_path .*none/token can't be written"):
        await build(_config(tmp_path, first_token_path=tmp_path / "none" / "token"))
    await (await build(_config(tmp_path))).drain()
    token = (tmp_path / "labels.sqlite.owner-token").read_text().strip()
    assert await _role_of(tmp_path, token) == preference_pb2.ROLE_OWNER


async def test_an_owner_whose_commit_failed_is_made_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is on disk before there is an owner, so that no owner is ever without one."""

    async def fail(*_: object, **__: object) -> None:
        assert (tmp_path / "labels.sqlite.owner-token").is_file()
        raise UnavailableError("the disk went away")

    with monkeypatch.context() as patch:
        patch.setattr(labelers.Labelers, "create", fail)
        with pytest.raises(UnavailableError):
            await build(_config(tmp_path))
    await (await build(_config(tmp_path))).drain()
    token = (tmp_path / "labels.sqlite.owner-token").read_text().strip()
    assert await _role_of(tmp_path, token) == preference_pb2.ROLE_OWNER
