"""What building and testing must leave as it was."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.documents import ROOT
from tests.docs.test_makefile import planned

_SCRIPT = ROOT / "tools/tree.sh"


def _tracked(*patterns: str) -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / line for line in listed.splitlines()]


def _locks() -> list[Path]:
    return _tracked("*package-lock.json")


@pytest.mark.parametrize("lock", _locks(), ids=lambda path: str(path.relative_to(ROOT)))
def test_lock_files_name_no_registry(lock: Path) -> None:
    """They work with whatever registry npm is set up for, and npm beside them is told to leave addresses out."""
    locked = json.loads(lock.read_text(encoding="utf-8"))
    assert [name for name, package in locked["packages"].items() if "resolved" in package] == []
    assert "omit-lockfile-registry-resolved=true" in (lock.parent / ".npmrc").read_text(encoding="utf-8")


def test_nothing_installs_in_a_way_that_writes_lock_files() -> None:
    """Scripts and tests use `npm ci`, which reads the lock file, or tell `npm install` to write none."""
    places = ("Makefile", "tools", "tests", ".ci")
    assert all(_tracked(place) for place in places)
    ours = [path for path in _tracked(*places) if path.name != Path(__file__).name]
    texts = {path: path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ") for path in ours}
    writing = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path, text in texts.items()
        for line in text.splitlines()
        if re.search(r"\bnpm (install|i|update)\b", line) and "--no-package-lock" not in line
    ]
    assert writing == []


def test_make_test_ends_with_a_look_at_the_tree() -> None:
    """Noted before the first test, checked after the last."""
    lines = planned("test").splitlines()
    noted = next(number for number, line in enumerate(lines) if "tree.sh note" in line)
    assert noted < min(number for number, line in enumerate(lines) if "/pytest" in line)
    assert "tree.sh check" in lines[-1]


def test_a_changed_tree_is_told_by_file(tmp_path: Path) -> None:
    """A changed, a new and a deleted file are named; ignored ones and a tree as it was are not."""
    script = tmp_path / "tools/tree.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(_SCRIPT, script)
    for name, text in {"a lock.json": "1", "b": "1", "c": "1", ".gitignore": "built\nnote*\n"}.items():
        (tmp_path / name).write_text(text)
    for command in (["git", "init", "-q"], ["git", "add", "."]):
        subprocess.run(command, cwd=tmp_path, check=True)

    def run(what: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [script, what, tmp_path / "note"], capture_output=True, text=True, check=False, timeout=20
        )

    assert run("note").returncode == 0
    (tmp_path / "built").write_text("x")
    assert run("check").returncode == 0

    run("note")
    (tmp_path / "a lock.json").write_text("2")
    (tmp_path / "b").unlink()
    (tmp_path / "new").write_text("x")
    told = run("check")
    assert told.returncode == 1
    assert told.stderr.splitlines()[1:] == ["  a lock.json", "  b", "  new"]
