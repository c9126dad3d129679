"""Holds every command in the documents to the programs: known subcommand, known options, values in bounds."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from somersault.cli import command_line
from somersault.cli.services.programs import MODULES
from somersault.cli.start import train_options
from somersault.runtime.config import load_config
from somersault.tasks import get_task
from tests.docs.documents import DOCUMENTS, ROOT, code_spans, read, table_rows
from tests.docs.settings import settings_of

LANGUAGES = {"sh", "text", "pycon"}
"""sh: commands, each checked here. text: pictures and conversations. pycon: examples that `test_python_api.py` runs."""

OTHERS = (". .venv/bin/activate", 'mv runs/hopper-backflip-1 "kept/best so far"')
"""Commands of other projects."""

_GROUP: Any = typer.main.get_command(command_line.app)
_MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
_TARGETS = set(re.findall(r"^([a-z]+):", _MAKEFILE, re.MULTILINE))
_VARIABLES = set(re.findall(r"^([A-Z]+) \?=", _MAKEFILE, re.MULTILINE))


def _fenced() -> list[Any]:
    return [
        pytest.param(line, id=f"{path.relative_to(ROOT)}: {line[:60]}")
        for path in DOCUMENTS
        for line in read(path).fenced("sh")
    ]


def _inline() -> list[Any]:
    """Return the commands within sentences; a word in capitals there stands for something else."""
    spans = {span for path in DOCUMENTS for span in code_spans(read(path).prose)}
    commands = sorted(span for span in spans if re.match(r"(somersault|make) [a-z]", span))
    return [command for command in commands if "SERVICE" not in command]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_fenced_blocks_say_what_they_are(path: Path) -> None:
    """So that no command escapes the check."""
    assert read(path).languages <= LANGUAGES


@pytest.mark.parametrize("line", _fenced())
def test_fenced_command_is_known(line: str) -> None:
    """It would be parsed, though it is not run."""
    if line not in OTHERS:
        _check(line)


@pytest.mark.parametrize("line", _inline())
def test_inline_command_is_known(line: str) -> None:
    """As for fenced ones, but a subcommand alone is only its name."""
    program, name, *rest = line.split(" ")
    if program == "somersault" and not rest:
        assert name in _GROUP.commands
    else:
        _check(line)


def test_the_table_of_defaults_is_what_train_does() -> None:
    """docs/operations.md gives the backflip's labels and steps with a teacher and without."""
    defaults = {
        code_spans(option)[0]: (with_teacher, without)
        for option, with_teacher, without in table_rows(read(ROOT / "docs/operations.md"), heading="## A run")
    }
    backflip = get_task("hopper-backflip").defaults
    assert defaults["--labels"] == (f"{backflip.labels_by_teacher:,}", f"{backflip.labels_by_people:,}")
    assert defaults["--steps"] == (f"{backflip.steps_by_teacher:,}", f"{backflip.steps_by_people:,}")
    assert str(train_options.DEFAULT_WEB_PORT) in defaults["--web-port"][0]


@pytest.mark.parametrize(
    "line",
    [
        "make nothing",
        "make setup COLOUR=red",
        "somersault fly",
        "somersault train hopper-backflip --labls 60",
        "somersault serve kitchen",
        "somersault compliance kitchen",
        "somersault compliance server --adress 127.0.0.1:7004",
        "somersault serve learner --task hopper-backflip",
        "somersault serve learner --task a --run-id b --storage-url c --speed 9",
        "curl example.org",
    ],
)
def test_wrong_command_is_caught(line: str) -> None:
    """The check itself checks."""
    with pytest.raises((Exception, SystemExit)):
        _check(line)


def _check(line: str) -> None:
    program, *arguments = shlex.split(line)
    if program == "make":
        _check_make(arguments)
    elif program == "somersault":
        _check_somersault(arguments)
    else:
        raise AssertionError(f"{program!r} is not a program of this project: {line}")


def _check_make(arguments: list[str]) -> None:
    for argument in arguments:
        variable, is_assignment, _ = argument.partition("=")
        known = _VARIABLES if is_assignment else _TARGETS
        assert variable in known, f"make {argument}: one of {sorted(known)}"


def _check_somersault(arguments: list[str]) -> None:
    name, *rest = arguments
    assert name in _GROUP.commands, f"somersault {name}: one of {sorted(_GROUP.commands)}"
    is_help = "--help" in rest
    rest = [argument for argument in rest if argument != "--help"]
    if name == "serve" and rest:
        _check_service(rest[0], rest[1:], is_help=is_help)
    elif not is_help:
        command = _GROUP.commands[name]
        if hasattr(command, "commands") and rest:  # a group: its own command is what has options
            assert rest[0] in command.commands, (
                f"somersault {name} {rest[0]}: one of {sorted(command.commands)}"
            )
            command, rest = command.commands[rest[0]], rest[1:]
        command.make_context(name, rest)


def _check_service(service: str, flags: list[str], *, is_help: bool) -> None:
    assert service in MODULES, f"somersault serve {service}: one of {sorted(MODULES)}"
    if is_help:
        return
    load_config(settings_of(service), flags)
