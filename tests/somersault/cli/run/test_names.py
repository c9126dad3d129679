"""Every command that takes a run finds it by its name, as the pages print it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from somersault.cli.__main__ import main
from somersault.cli.run.folder import RunFolder
from tests.somersault.cli.conftest import make_config
from tests.somersault.synthetic_runs import make_run

NAME = "walker-1"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs/walker-1 is, and where the command is started."""
    make_run(tmp_path / "runs" / NAME, "walker")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["export", NAME, "--out", "exported"], NAME),
        (["plot", NAME, "--curve", "labels"], NAME),
        (["compare", NAME, f"runs/{NAME}"], NAME),
    ],
)
def test_finished_run_is_found_by_its_name(
    command: list[str], told: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the folder in which runs/ is."""
    assert main([*command, "--json"]) == 0, capsys.readouterr().err
    assert told in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", [["eval", NAME, "--episodes", "0"], ["render", NAME, "--pick", "prettiest"]]
)
def test_command_that_plays_finds_the_run_before_it_reads_its_options(
    command: list[str], workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is the option, not the name."""
    assert main(command) == 2
    assert "no run in" not in capsys.readouterr().err


def test_open_finds_the_run_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While another command works with it, it tells where the pages are, and ends."""
    with RunFolder(tmp_path / "runs" / NAME) as folder:
        folder.begin(make_config(folder, teacher="none"))
        folder.database.touch()
        folder.addresses.write_text(json.dumps({"labeler": "127.0.0.1:1", "web": "http://127.0.0.1:2"}))
        monkeypatch.chdir(tmp_path)
        assert main(["open", NAME, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["run_id"] == NAME


@pytest.mark.parametrize("command", ["open", "eval", "render", "export", "plot", "compare"])
def test_unknown_name_is_looked_for_in_runs(
    command: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal says where."""
    second = ["walker-3"] if command == "compare" else []
    assert main([command, "walker-2", *second]) == 1
    assert "runs/walker-2" in capsys.readouterr().err


def test_one_run_is_nothing_to_compare(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what shows one."""
    assert main(["compare", NAME]) == 2
    assert "must be two or more runs; `somersault plot`" in capsys.readouterr().err
