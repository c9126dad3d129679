"""What we write is its owner's alone, whatever the mask of whoever starts us."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from somersault.cli.run.folder import RunFolder
from somersault.processes.private_files import tighten
from somersault.storage import open_store
from tests.somersault.cli.conftest import make_config


@pytest.fixture(autouse=True)
def generous_mask() -> Iterator[None]:
    """Anybody may do anything unless we say otherwise."""
    earlier = os.umask(0)
    yield
    os.umask(earlier)


def _open_to_others(folder: Path) -> list[str]:
    return [str(path) for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & 0o077]


def test_a_new_run_folder(tmp_path: Path) -> None:
    """Its settings, tokens, lock and objects."""
    folder = RunFolder(tmp_path / "run")
    config = make_config(folder)
    folder.begin(config)
    open_store(config.storage_url).put(f"{folder.run_id}/sealed/a/b", b"x")
    folder.store_summary({})
    assert _open_to_others(folder.path) == []


def test_an_old_run_folder_is_closed_when_it_is_opened(tmp_path: Path) -> None:
    """With what lies in it, and nothing outside that a link in it leads to."""
    folder = RunFolder(tmp_path / "run")
    folder.begin(make_config(folder))
    folder.release()
    (tmp_path / "outside").touch()
    (folder.path / "link").symlink_to(tmp_path / "outside")
    for name in ("labels.sqlite", "labels.sqlite-wal", "logs/learner.log", "tokens.json"):
        (folder.path / name).touch()
        (folder.path / name).chmod(0o644)
    folder.path.chmod(0o755)
    RunFolder(folder.path).resume()
    (folder.path / "link").unlink()
    assert _open_to_others(folder.path) == []
    assert (tmp_path / "outside").stat().st_mode & 0o777 == 0o666


def test_what_is_not_there_or_not_ours_is_left(tmp_path: Path) -> None:
    """As on a file system without modes."""
    tighten([tmp_path / "missing", Path("/proc/version")])


def test_a_command_writes_for_its_owner_alone() -> None:
    """Whatever it exports, and the folders that it makes on the way."""
    seen = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            (
                "import sys, os, somersault.cli.__main__ as m\n"
                "sys.argv = ['somersault', 'version']\nm.main()\nprint(oct(os.umask(0)))"
            ),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout.splitlines()[-1] == "0o77"


def test_a_service_writes_for_its_owner_alone() -> None:
    """Its database, its objects, its records."""
    script = (
        "import os\nfrom somersault.runtime import app\n"
        "app.run_to_exit('x', lambda served: print(oct(os.umask(0))))\n"
    )
    seen = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "0o77"
