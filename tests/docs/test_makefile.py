"""What make's targets say and how they end."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
_OF_MAKE = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")


def planned(target: str) -> str:
    """Return the commands that a target would run."""
    # Without what a make around the tests hands down, which would add lines of its own.
    own = {name: value for name, value in os.environ.items() if name not in _OF_MAKE}
    command = ["make", "--no-print-directory", "-n", target]
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=True).stdout


def test_setup_ends_with_what_comes_next() -> None:
    """And the targets that set up first do not."""
    assert "ready: . .venv/bin/activate && somersault doctor" in planned("setup").splitlines()[-1]
    assert "ready:" not in planned("label")


def test_ctrl_c_is_no_error_of_make() -> None:
    """The command ends with 130 after a clean stop; any other code stays an error."""
    for target in ("label", "demo"):
        assert "|| test $? -eq 130" in planned(target).splitlines()[-1]


def test_commit_hooks_run_what_check_runs() -> None:
    """Each command of one is a command of the other, in the same order."""
    hooks = re.findall(r"entry: (.+)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert planned("check").splitlines()[-len(hooks) :] == hooks
    assert len(hooks) == len(re.search(r"^check:.*\n((?:\t.+\n)+)", _MAKEFILE, re.MULTILINE)[1].splitlines())  # type: ignore[index]


def test_continuous_integration_checks_builds_the_site_and_tests() -> None:
    """In that order: what fails soonest comes first."""
    commands = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert [line for line in commands if line.startswith("make")] == ["make check", "make docs", "make test"]
