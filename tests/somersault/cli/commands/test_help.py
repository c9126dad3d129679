"""What `--help` says of each command."""

from __future__ import annotations

import re

import pytest
import typer.main

from somersault.cli.command_line import app, main

COMMANDS = sorted(set(typer.main.get_command(app).commands) - {"serve"})  # type: ignore[attr-defined]
EXTRAS = {"export": {"export"}, "plot": {"plot"}, "compare": {"plot"}, "train": {"wandb"}}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_the_extra_to_install(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is in square brackets is no markup: without it the line to copy installs nothing of use."""
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert set(re.findall(r"'somersault\[(\w+)\]'", text)) == EXTRAS.get(command, set())
    assert "somersault'" not in text


def test_help_shows_the_brackets_of_what_may_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """And the stars of a mixture."""
    assert main(["tasks", "--help"]) == 0
    assert "[TASK]" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    assert "0.7*oracle+0.3*mistake" in capsys.readouterr().out


def test_list_of_commands_says_whole_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    """None is cut off."""
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert not any(line.endswith("...") for line in text.splitlines()[1:])
    assert set(COMMANDS) <= {line.split()[0] for line in text.splitlines() if line.startswith("  ")}


def test_version_is_told_by_option_and_by_command(capsys: pytest.CaptureFixture[str]) -> None:
    """People try the option first."""
    assert main(["version"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("somersault ")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == told
