"""What make's targets say and how they end."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
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
