"""Commands beside `train` end in the same way when nobody reads them, or the disk they print to is full."""

from __future__ import annotations

import errno

import pytest

from somersault.cli.__main__ import main
from somersault.cli.exits.exit_codes import ExitCode
from tests.somersault.cli.exits.test_standard_streams import Broken

COMMANDS = [
    ["--help"],
    ["version"],
    ["tasks"],
    ["tasks", "pendulum", "--json"],
    ["train", "--help"],
    ["serve", "--help"],
    ["runs", "docs"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_closed_standard_output_is_no_traceback(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`somersault tasks | head -1` has the code that shells give for a closed pipe, and no word."""
    monkeypatch.setattr("sys.stdout", Broken())
    assert main(arguments) == ExitCode.OUTPUT_CLOSED
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_full_disk_behind_standard_output_is_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was to be printed is not there, so the command did not do what was asked for."""
    monkeypatch.setattr("sys.stdout", Broken(errno.ENOSPC))
    assert main(arguments) == ExitCode.FAILED
    assert capsys.readouterr().err == "somersault: error: standard output can't be written (no more)\n"


@pytest.mark.parametrize("arguments", [["tasks", "nonsense"], ["runs", "/nowhere"], ["eval", "/nowhere"]])
def test_a_closed_standard_error_does_not_change_what_went_wrong(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code still says it."""
    monkeypatch.setattr("sys.stderr", Broken())
    assert main(arguments) in (ExitCode.FAILED, ExitCode.REFUSED)
