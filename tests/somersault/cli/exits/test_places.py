"""Places that can't hold a run, or be read as one: one line and a code, for every command that is given one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from somersault.cli.__main__ import main
from somersault.cli.exits.exit_codes import ExitCode
from somersault.cli.start import preflight
from somersault.cli.training import train


def _file(folder: Path) -> Path:
    path = folder / "file"
    path.write_text("text")
    return path


def _below_a_file(folder: Path) -> Path:
    return _file(folder) / "run"


def _link_to_nothing(folder: Path) -> Path:
    path = folder / "link"
    path.symlink_to(folder / "nothing" / "there")
    return path


def _link_to_itself(folder: Path) -> Path:
    path = folder / "loop"
    path.symlink_to(path)
    return path


PLACES: dict[str, Callable[[Path], Path]] = {
    "a file as folder": _file,
    "below a file": _below_a_file,
    "a link to nothing": _link_to_nothing,
    "a link to itself": _link_to_itself,
    "a device": lambda _: Path("/dev/null"),
    "where nobody may write": lambda _: Path("/sys/somersault-run"),
    "a name that is too long": lambda folder: folder / ("x" * 300),
    "a path that is too long": lambda folder: folder.joinpath(*["x" * 200] * 30),
}
COMMANDS: dict[str, list[str]] = {
    "train": ["train", "pendulum", "--teacher", "oracle", "--run-dir", "PLACE"],
    "train --resume": ["train", "pendulum", "--resume", "--run-dir", "PLACE"],
    "open": ["open", "PLACE"],
    "eval": ["eval", "PLACE"],
    "render": ["render", "PLACE"],
    "export": ["export", "PLACE"],
    "plot": ["plot", "PLACE"],
    "compare": ["compare", "PLACE", "PLACE"],
    "runs": ["runs", "PLACE"],
}


async def _draws(**_: Any) -> None:
    """Take it that clips can be rendered."""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_place_that_can_not_be_used_is_one_line(
    command: str,
    place: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With --json one object too; no traceback, no bug, and nothing is made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(preflight, "check_drawing", _draws)
    monkeypatch.setattr(train, "Session", None)  # a run must not get so far
    path = str(PLACES[place](tmp_path))
    before = sorted(tmp_path.rglob("*"))
    code = main([path if part == "PLACE" else part for part in [*COMMANDS[command], "--json"]])
    said = capsys.readouterr()
    assert code in (ExitCode.FAILED, ExitCode.REFUSED)
    (line,) = said.err.splitlines()
    assert line.startswith("somersault: error: ")
    (values,) = map(json.loads, said.out.splitlines())
    assert values["error"] == line.removeprefix("somersault: error: ")
    assert sorted(tmp_path.rglob("*")) == before
