"""Real processes of the command, with services that only pretend, ended in every way that a process can be."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import pytest

from somersault.cli.exits.exit_codes import ExitCode
from somersault.cli.run.folder import RunFolder
from somersault.cli.start.resumption import resume_run
from somersault.cli.start.train_options import TrainOptions
from tests.somersault.cli.training.test_train import TRAIN, run, start

LONG = {"FAKE_TRAINING_S": "600"}
DRAINED_WITHIN_S = 20.0  # beside seven others on two cores; alone it takes two


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to end a run that is training."""

    end: Callable[[subprocess.Popen[str]], None]
    code: ExitCode
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    words: str = "nothing is lost"


def close_output(process: subprocess.Popen[str]) -> None:
    """As `| head -1` does."""
    assert process.stdout is not None
    process.stdout.close()


def close_errors(process: subprocess.Popen[str]) -> None:
    """As `2>&1 >summary.json | head -1` does."""
    assert process.stderr is not None
    process.stderr.close()


def send(number: signal.Signals) -> Callable[[subprocess.Popen[str]], None]:
    """A signal, once."""
    return lambda process: process.send_signal(number)


def press_twice(process: subprocess.Popen[str]) -> None:
    """Whoever does not want to wait."""
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)


DEAF = {"FAKE_HANG": "1"}
WAYS = {
    "standard output closed": Way(end=close_output, code=ExitCode.OUTPUT_CLOSED),
    "standard error closed": Way(
        end=close_errors, code=ExitCode.OUTPUT_CLOSED, arguments=("--json",), words=""
    ),
    "Ctrl-C": Way(end=send(signal.SIGINT), code=ExitCode.INTERRUPTED),
    "SIGTERM": Way(end=send(signal.SIGTERM), code=ExitCode.INTERRUPTED, arguments=("--json",)),
    "SIGHUP": Way(end=send(signal.SIGHUP), code=ExitCode.INTERRUPTED),
    "services that never end": Way(end=send(signal.SIGINT), code=ExitCode.INTERRUPTED, environment=DEAF),
    "Ctrl-C twice": Way(end=press_twice, code=ExitCode.INTERRUPTED, environment=DEAF, words="stopped; "),
}
BY_DEFAULT = (WAYS["standard output closed"],)


_MARKED = [
    pytest.param(way, id=name, marks=() if way in BY_DEFAULT else pytest.mark.slow)
    for name, way in WAYS.items()
]


@pytest.mark.parametrize("way", _MARKED)
def test_a_run_that_trains_is_ended(way: Way, tmp_path: Path) -> None:
    """A checkpoint is asked for, pages hear of it, the way on is said where somebody reads, and it leads on."""
    told, drained = tmp_path / "told", tmp_path / "elsewhere" / "drained"
    drained.parent.mkdir()  # the learner's seal has it make nothing new beside the run's folder
    environment = LONG | way.environment | {"FAKE_TOLD": str(told), "FAKE_DRAIN": str(drained)}
    process = start(*TRAIN, "--run-dir", str(tmp_path / "run"), *way.arguments, **environment)
    folder = RunFolder(tmp_path / "run")
    _wait_until(lambda: told.is_file() and folder.progress.is_file() and folder.progress.read_text())
    began_s = time.monotonic()
    way.end(process)
    output, errors = _read_what_is_open(process)
    assert process.returncode == way.code
    assert time.monotonic() - began_s < DRAINED_WITHIN_S
    said = output + errors
    assert way.words in said
    assert "Traceback" not in said
    if way.words:
        assert f"somersault train hopper-backflip --run-dir {tmp_path}/run --resume" in said
    if "--json" in way.arguments:
        assert json.loads(output)["error"] == "interrupted"
    assert told.read_text().splitlines()[-1] == "RUN_STATE_STOPPED"
    if way.end is not press_twice:
        assert drained.read_text()
    _goes_on(tmp_path / "run", is_trained=way not in BY_DEFAULT)


@pytest.mark.slow
def test_nohup_keeps_a_run_from_the_terminal_s_end(tmp_path: Path) -> None:
    """It has SIGHUP ignored, and the run comes to its end."""
    earlier = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start(*TRAIN, "--run-dir", str(tmp_path / "run"), FAKE_TRAINING_S="3")
    finally:
        signal.signal(signal.SIGHUP, earlier)
    _wait_until((tmp_path / "run" / "progress.jsonl").is_file)
    process.send_signal(signal.SIGHUP)
    _, errors = process.communicate(timeout=90)
    assert process.returncode == ExitCode.DONE, errors


@pytest.mark.slow
def test_a_run_is_ended_while_its_services_start(tmp_path: Path) -> None:
    """It says how to go on even then."""
    process = start(*TRAIN, "--run-dir", str(tmp_path / "run"), "--json")
    _wait_until((tmp_path / "run" / "logs" / "learner.log").is_file)
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, errors
    assert json.loads(output)["resume"].endswith("/run --resume")


@pytest.mark.slow
def test_a_run_is_ended_while_its_policy_is_measured(tmp_path: Path) -> None:
    """All is learned by then, and a resume measures it."""
    told = tmp_path / "told"
    arguments = [*TRAIN, "--run-dir", str(tmp_path / "run"), "--json"]
    process = start(*arguments, FAKE_EVALUATION_S="600", FAKE_TOLD=str(told))
    _wait_until(lambda: told.is_file() and (tmp_path / "run" / "tensorboard").is_dir())
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, errors
    assert "measuring the final policy" in errors
    assert json.loads(output)["resume"].endswith("/run --resume")
    assert told.read_text().splitlines()[-1] == "RUN_STATE_STOPPED"
    _goes_on(tmp_path / "run", is_trained=True)


@pytest.mark.slow
def test_a_disk_that_fills_up_ends_a_run_by_one_line(tmp_path: Path) -> None:
    """Files that can't grow any more stand in for it; pages are told, and once there is space it goes on."""
    told = tmp_path / "told"
    arguments = [*TRAIN, "--run-dir", str(tmp_path / "run"), "--json"]
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, earlier[1]))
    try:
        process = start(*arguments, FAKE_TOLD=str(told), **LONG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
    output, errors = process.communicate(timeout=120)
    assert process.returncode == ExitCode.FAILED, errors
    line = errors.splitlines()[-1]
    assert line.startswith(
        f"somersault: error: {tmp_path}/run/progress.jsonl can't be written (File too large)"
    )
    assert line.endswith("/run --resume")
    assert "progress.jsonl can't be written" in json.loads(output)["error"]
    assert "Traceback" not in errors
    assert told.read_text().splitlines()[-1] == "RUN_STATE_STOPPED"
    code, _, errors = run("train", "hopper-backflip", "--run-dir", str(tmp_path / "run"), "--resume")
    assert code == ExitCode.DONE, errors


def test_a_run_that_learned_nothing_says_so_and_writes_strict_json(tmp_path: Path) -> None:
    """With its own exit code, in its headline; a true reward of NaN is null in every file, which any reader takes."""
    told = tmp_path / "told"
    code, output, errors = run(
        *TRAIN,
        *("--run-dir", str(tmp_path / "run"), "--json"),
        FAKE_TOLD=str(told),
        FAKE_TRUE_RETURN="nan",
        FAKE_INCOMPARABLE="1",
        FAKE_TRAINING_S="8",
    )
    assert code == ExitCode.LEARNED_NOTHING, errors
    reason = "no answer could compare the two clips (9 of 9 answers)"
    (summary,) = map(_strictly, output.splitlines())
    assert (summary["nothing_learned_because"], summary["true_return_mean"]) == (reason, None)
    assert f"warning: there is nothing to learn from yet: {reason}" in errors.splitlines()
    assert "learning; nothing to learn from yet" in errors
    assert f"nothing was learned: {reason}" in errors
    assert told.read_text().splitlines()[-1] == f"RUN_STATE_FINISHED Nothing was learned: {reason}."
    written = [path for path in (tmp_path / "run").rglob("*.json*") if path.is_file()]
    assert {"summary.json", "progress.jsonl", "config.json", "tokens.json"} <= {path.name for path in written}
    for path in written:
        text = path.read_text(encoding="utf-8")
        for document in text.splitlines() if path.suffix == ".jsonl" else [text]:
            _strictly(document)


def _goes_on(path: Path, *, is_trained: bool) -> None:
    """Resume a run: to its end, or, where seconds count, as far as the settings with which it would go on."""
    if is_trained:
        code, _, errors = run("train", "hopper-backflip", "--run-dir", str(path), "--resume")
        assert code == ExitCode.DONE, errors
    else:
        with RunFolder(path) as folder:
            resume_run(TrainOptions(task="hopper-backflip", run_dir=path, is_resumed=True), folder)


def _strictly(text: str) -> Any:
    def refuse(constant: str) -> NoReturn:
        raise AssertionError(f"{constant} is not JSON: {text[:200]}")

    return json.loads(text, parse_constant=refuse)


def _wait_until(holds: Callable[[], object], *, timeout_s: float = 90.0) -> None:
    give_up = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def _read_what_is_open(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what is still read of both outputs once the process has ended."""
    texts = []
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        texts.append("" if stream.closed else stream.read())
        stream.close()
    process.wait(60)
    return texts[0], texts[1]
