"""A database that was cut off is never taken for a new one."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from services.labeler.database.engine import open_database
from somersault.errors import ConfigError, CorruptDataError
from somersault.runtime.urls import sqlite_url


def made(folder: Path) -> Path:
    """Make a database, close it, and return its file."""
    path = folder / "labels.sqlite"
    open_database(sqlite_url(path)).close()
    return path


@pytest.mark.parametrize("kept", [0, 0.3, 0.9])
def test_a_database_that_was_cut_off_is_refused(tmp_path: Path, kept: float) -> None:
    """To nothing or to a part; and it is left as it is."""
    path = made(tmp_path)
    part = path.read_bytes()[: int(path.stat().st_size * kept)]
    path.write_bytes(part)
    with pytest.raises(ConfigError, match="it was cut off; restore a backup"):
        open_database(sqlite_url(path))
    assert path.read_bytes() == part


def test_no_file_is_ever_without_a_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever it ends while it makes a database, the next start begins anew."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("os.link", killed)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path)
    assert not (tmp_path / "labels.sqlite").exists()
    monkeypatch.undo()
    assert made(tmp_path).read_bytes().startswith(b"SQLite format 3")
    assert not (tmp_path / "labels.sqlite.new").exists()


@pytest.mark.parametrize("text", [b"\x00" * 5000, b"not a database at all" * 300])
def test_a_file_that_is_no_database_is_refused(tmp_path: Path, text: bytes) -> None:
    """As a setting that can't be used."""
    path = tmp_path / "labels.sqlite"
    path.write_bytes(text)
    with pytest.raises(ConfigError, match="not a database"):
        open_database(sqlite_url(path))


async def test_damage_that_shows_later_says_what_it_is(tmp_path: Path) -> None:
    """A page is overwritten while the labeler runs."""
    path = made(tmp_path)
    database = open_database(sqlite_url(path))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    with pytest.raises(CorruptDataError, match="the labeler's database is damaged"):
        await database.read(lambda connection: connection.execute(sa.text("SELECT * FROM runs")).all())
    database.close()
