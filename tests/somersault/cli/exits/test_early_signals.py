"""Commands that are stopped before they have begun."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from somersault.cli.exits import early_signals
from somersault.cli.exits.exit_codes import ExitCode
from tests.somersault.cli.conftest import ROOT


def _stopped_at(package: str, number: signal.Signals, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command whose process gets a signal as it begins to import a package."""
    script = (
        "import os, runpy, sys\n"
        "class Stop:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == {package!r}: os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Stop())\n"
        f"sys.argv[1:] = {list(arguments)!r}\n"
        "runpy.run_module('somersault.cli', run_name='__main__', alter_sys=True)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_command_that_is_stopped_while_it_imports_ends_as_any_other(number: signal.Signals) -> None:
    """One object, the table's code, and no traceback."""
    ended = _stopped_at("typer", number, "tasks", "--json")
    assert (ended.returncode, ended.stderr) == (ExitCode.INTERRUPTED, "")
    assert json.loads(ended.stdout) == {"error": "interrupted"}


def test_without_json_nothing_is_said() -> None:
    """Whoever pressed Ctrl-C knows; nothing was begun."""
    ended = _stopped_at("structlog", signal.SIGINT, "tasks")
    assert (ended.returncode, ended.stdout, ended.stderr) == (ExitCode.INTERRUPTED, "", "")


def test_the_code_is_the_tables() -> None:
    """It is written down twice."""
    assert early_signals._INTERRUPTED == ExitCode.INTERRUPTED
