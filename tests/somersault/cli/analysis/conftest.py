"""What the tests of commands on runs share."""

from __future__ import annotations

import json
from typing import Any

import pytest

from somersault.cli.__main__ import main


class Command:
    """Runs the command in this process and reads what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def text(self, *arguments: object) -> str:
        """Run a command that must succeed; give its standard output."""
        code, output, errors = self.all(*arguments)
        assert code == 0, errors
        return output

    def json(self, *arguments: object) -> Any:
        """Run it with --json; give the last object."""
        return json.loads(self.text(*arguments, "--json").splitlines()[-1])

    def error(self, *arguments: object, code: int = 1) -> str:
        """Run a command that must fail with one line on standard error; give the line."""
        found, output, errors = self.all(*arguments)
        assert (found, output) == (code, "")
        (line,) = errors.splitlines()
        return line.removeprefix("somersault: error: ")

    def all(self, *arguments: object) -> tuple[int, str, str]:
        """Run it; give exit code, standard output and standard error."""
        self._capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        output, errors = self._capsys.readouterr()
        return code, output, errors


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line."""
    return Command(capsys)
