"""Causes times outcome: whatever ends a command, it ends by one line, one JSON object and a code of the table.

Real processes and signals are in test_ended_processes.py; here a command of the real command line meets the exception.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import typer

from somersault.cli import command_line
from somersault.cli.__main__ import main
from somersault.cli.exits.ending import Interrupted, report_thread
from somersault.cli.exits.exit_codes import ExitCode
from somersault.cli.run.folder import RunFolder
from somersault.cli.start import preflight
from somersault.cli.start.resumption import resume_run
from somersault.cli.start.train_options import TrainOptions
from somersault.cli.training import train
from somersault.errors import ConfigError, CorruptDataError, UnavailableError
from tests.somersault.cli.conftest import ROOT

TRAIN = ["train", "hopper-backflip", "--teacher", "oracle", "--steps", "40000"]


def system_error(number: int) -> OSError:
    """What the system raises for a file."""
    return OSError(number, os.strerror(number), "/data/runs/x/progress.jsonl")


CAUSES: dict[str, tuple[BaseException, ExitCode, str]] = {
    "teacher or environment of one's own": (
        ConfigError("teacher f raised"),
        ExitCode.REFUSED,
        "teacher f raised",
    ),
    "service dies too often": (
        UnavailableError("reward was\nrestarted"),
        ExitCode.FAILED,
        "reward was restarted",
    ),
    "damaged data": (CorruptDataError("x is corrupt"), ExitCode.FAILED, "x is corrupt"),
    "disk full": (
        system_error(errno.ENOSPC),
        ExitCode.FAILED,
        "/data/runs/x/progress.jsonl can't be used (No space left on device); free space on its disk",
    ),
    "another user's folder": (
        system_error(errno.EACCES),
        ExitCode.FAILED,
        "(Permission denied); check who owns",
    ),
    "read-only file system": (system_error(errno.EROFS), ExitCode.FAILED, "(Read-only file system); choose"),
    "a file as folder": (system_error(errno.ENOTDIR), ExitCode.FAILED, "(Not a directory)"),
    "an input or output error": (system_error(errno.EIO), ExitCode.FAILED, "(Input/output error)"),
    "too many open files": (system_error(errno.EMFILE), ExitCode.FAILED, "ulimit -n"),
    "a database on a bad disk": (
        sqlite3.OperationalError("disk I/O error"),
        ExitCode.FAILED,
        "the database of answers can't be used: disk I/O error",
    ),
    "no memory": (MemoryError(), ExitCode.FAILED, "not enough memory"),
    "a bug": (KeyError("x"), ExitCode.BUG, "KeyError: 'x'; this is a bug, its traceback is in "),
    "several at once": (
        BaseExceptionGroup("", [ValueError("a"), ExceptionGroup("", [UnavailableError("store is away")])]),
        ExitCode.FAILED,
        "store is away",
    ),
    "Ctrl-C": (KeyboardInterrupt(), ExitCode.INTERRUPTED, ""),
    "a signal": (Interrupted(), ExitCode.INTERRUPTED, ""),
}


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[BaseException]]:
    """A command `fail` that raises what it is given."""
    raised: list[BaseException] = []

    def fail(as_json: bool = typer.Option(False, "--json")) -> NoReturn:
        raise raised[0]

    app = typer.Typer()
    app.command()(fail)
    app.command()(lambda: None)
    monkeypatch.setattr(command_line, "app", app)
    return raised


@pytest.mark.parametrize("is_json", [False, True])
@pytest.mark.parametrize("cause", CAUSES)
def test_whatever_ends_a_command(
    cause: str, is_json: bool, failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on standard error, of an interruption none; one JSON object where it is asked for; the table's code."""
    error, code, words = CAUSES[cause]
    failing.append(error)
    assert main(["fail", *(["--json"] if is_json else [])]) == code
    said = capsys.readouterr()
    if code is ExitCode.INTERRUPTED:
        assert said.err == ""
    else:
        (line,) = said.err.splitlines()
        assert line.startswith("somersault: error: ")
        assert words in line
    assert "Traceback" not in said.err
    assert [json.loads(line)["error"] != "" for line in said.out.splitlines()] == [True] * is_json


@pytest.mark.parametrize("is_json", [False, True])
@pytest.mark.parametrize("cause", CAUSES)
def test_whatever_ends_a_run_that_has_begun(
    cause: str,
    is_json: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same, and how to go on; and going on is what the folder allows, for it is not locked any more."""
    error, code, words = CAUSES[cause]
    _leave_out_processes(monkeypatch)
    monkeypatch.setattr(train, "Session", _session_that_raises(error))
    run_dir = tmp_path / "run"
    assert main([*TRAIN, "--run-dir", str(run_dir), *(["--json"] if is_json else [])]) == code
    said = capsys.readouterr()
    resume = f"somersault train hopper-backflip --run-dir {run_dir} --resume"
    assert resume in said.err + said.out
    if code is ExitCode.INTERRUPTED:
        assert "stopped; nothing is lost" in (said.err if is_json else said.out)
    else:
        (line,) = said.err.splitlines()
        assert line.startswith("somersault: error: ")
        assert words in line
        assert line.endswith(f"; once that is fixed, resume with: {resume}")
    if is_json:
        (values,) = map(json.loads, said.out.splitlines())
        assert values["resume"] == resume
        assert values["open"] is None  # nothing was asked yet
    with RunFolder(run_dir) as folder:
        resume_run(TrainOptions(task="hopper-backflip", run_dir=run_dir, is_resumed=True), folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_anything_has_begun_ends_as_ctrl_c_does(
    number: signal.Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """While it is looked whether clips can be rendered: what runs is cancelled, nothing is made, one object is printed."""
    ended: list[str] = []

    async def wait_for_a_signal(**_: Any) -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("in order")

    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setattr(preflight, "check_drawing", wait_for_a_signal)
    assert main([*TRAIN, "--run-dir", str(tmp_path / "run"), "--json"]) == ExitCode.INTERRUPTED
    said = capsys.readouterr()
    assert json.loads(said.out) == {"error": "interrupted"}
    assert said.err == ""
    assert ended == ["in order"]
    assert not (tmp_path / "run").exists()
    assert {each: signal.getsignal(each) for each in handlers} == handlers


def test_a_bug_leaves_its_traceback_where_the_line_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the logs of the run's services."""
    _leave_out_processes(monkeypatch)
    monkeypatch.setattr(train, "Session", _session_that_raises(KeyError("lost")))
    assert main([*TRAIN, "--run-dir", str(tmp_path / "run")]) == ExitCode.BUG
    place = tmp_path / "run" / "logs" / "somersault.log"
    assert str(place) in capsys.readouterr().err
    assert "Traceback (most recent call last)" in place.read_text()
    assert "KeyError: 'lost'" in place.read_text()


def test_what_the_learner_could_not_store_is_no_longer_called_safe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a full disk a checkpoint can't be written, and nobody must believe that it was."""
    _leave_out_processes(monkeypatch)
    lost = Interrupted(loss="at most the last minute of learning is lost, for learner ended badly")
    monkeypatch.setattr(train, "Session", _session_that_raises(lost))
    assert main([*TRAIN, "--run-dir", str(tmp_path / "run")]) == ExitCode.INTERRUPTED
    said = capsys.readouterr().out
    assert "nothing is lost" not in said
    assert "stopped; at most the last minute of learning is lost" in said


def test_a_thread_that_fails_is_a_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """TensorBoard's writer is one: on a full disk it would print its traceback among what a person reads."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    report_thread(threading.ExceptHookArgs((OSError, OSError(28, "No space left"), None, None)))
    (log,) = tmp_path.iterdir()
    line = f"somersault: warning: a thread ended by OSError: [Errno 28] No space left; its traceback is in {log}\n"
    assert capsys.readouterr().err == line


def test_wrong_options_are_refused_with_the_table_s_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Also as an object."""
    assert main(["train", "hopper-backflip", "--colour", "--json"]) == ExitCode.REFUSED
    assert "No such option: --colour" in json.loads(capsys.readouterr().out)["error"]


def test_the_documents_have_the_same_table() -> None:
    """Every code and no other."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    table = text.partition("| exit code |")[2].partition("\n\n")[0]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)} == set(map(int, ExitCode))


def _leave_out_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take it that the settings hold and that clips can be rendered: each is found in a process, and has its own tests."""

    async def render(**_: Any) -> None:
        pass

    monkeypatch.setattr(preflight, "check_settings", lambda *_, **__: None)
    monkeypatch.setattr(preflight, "check_drawing", render)


def _session_that_raises(error: BaseException) -> Any:
    class _Session:
        def __init__(self, *_: Any, **__: Any) -> None:
            pass

        async def run(self) -> NoReturn:
            raise error

    return _Session
