"""Files that are replaced: whole or not at all, and on disk, name and all, before the call returns."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from somersault.storage.durable_files import replace_file


def test_the_folder_is_synced_after_the_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without that, a rename that the caller relies on is lost with the power."""
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def note_fsync(descriptor: int) -> None:
        done.append("folder" if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir() else "file")
        fsync(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        done.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(Path, "rename", note_rename)
    replace_file(tmp_path / "tokens.json", "secret")
    assert done == ["file", "rename", "folder"]
    assert [path.name for path in tmp_path.iterdir()] == ["tokens.json"]
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600


def test_a_left_over_of_a_killed_process_is_replaced(tmp_path: Path) -> None:
    """Its mode must not be taken over."""
    (tmp_path / ".tokens.json.new").write_text("half")
    (tmp_path / ".tokens.json.new").chmod(0o666)
    replace_file(tmp_path / "tokens.json", "whole")
    assert (tmp_path / "tokens.json").read_text() == "whole"
    assert (tmp_path / "tokens.json").stat().st_mode & 0o777 == 0o600
