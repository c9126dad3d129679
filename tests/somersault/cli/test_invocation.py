"""Printed commands begin as the user began."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from somersault.cli import __main__ as cli
from somersault.cli.invocation import own_command


@pytest.mark.parametrize(
    ("argv", "path", "command"),
    [
        (["{bin}/somersault"], "{bin}", "somersault"),
        (["{bin}/somersault"], "/nowhere", "{bin}/somersault"),
        ([".venv/bin/somersault"], "{bin}", ".venv/bin/somersault"),
        (["my tools/somersault"], "/nowhere", "'my tools/somersault'"),
        (["-c"], "/nowhere", "somersault"),
        (["/usr/bin/pytest"], "{bin}", "somersault"),
    ],
)
def test_a_printed_command_begins_as_the_user_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], path: str, command: str
) -> None:
    """By its name where that is found, else by the path that was typed."""
    program = tmp_path / "somersault"
    program.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [one.format(bin=tmp_path) for one in argv])
    monkeypatch.setenv("PATH", path.format(bin=tmp_path))
    assert own_command() == command.format(bin=tmp_path)


def test_a_module_is_run_by_the_python_that_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m somersault.cli` works where `somersault` is on no path."""
    monkeypatch.setattr(sys, "argv", [str(cli.__file__)])
    monkeypatch.setattr(sys, "orig_argv", [".venv/bin/python", "-m", "somersault.cli", "train"])
    assert own_command() == ".venv/bin/python -P -m somersault.cli"
