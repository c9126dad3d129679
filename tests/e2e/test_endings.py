"""Real runs that can't come to a good end: each says so in a line, and goes on once that is mended."""

from __future__ import annotations

import json
import resource
import signal
import time
from pathlib import Path

import pytest

from somersault.cli.exits.exit_codes import ExitCode
from tests.e2e.runs import Run, train

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(700)]

SMALL = ("--labels", "20", "--steps", "40000")
GOOD = "def answer(left, right, rng): return 'left' if left.sum() > right.sum() else 'right'\n"
STOPPED_WITHIN_S = 30.0  # on two cores that others use too; alone it takes three


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise ValueError('no idea')", "raised ValueError: no idea"),
        ("raise SystemExit(0)", "raised SystemExit: 0"),
        ("return 'perhaps'", "gave 'perhaps', must be one of"),
    ],
)
def test_a_teacher_that_fails_ends_the_run_and_once_mended_it_goes_on(
    body: str, words: str, tmp_path: Path
) -> None:
    """Not one label is spent on it."""
    teacher = tmp_path / "own.py"
    teacher.write_text(f"def answer(left, right, rng): {body}\n")
    with train(tmp_path / "run", "--teacher", f"{teacher}:answer", *SMALL, task="pendulum") as run:
        _ends_by_one_line(run, ExitCode.REFUSED, words)
    teacher.write_text(GOOD)
    with train(tmp_path / "run", "--resume", task="pendulum") as run:
        assert run.finish(timeout_s=200)["labels"] == 20


def test_a_teacher_that_never_returns_is_not_waited_for(tmp_path: Path) -> None:
    """Ctrl-C stores a checkpoint and ends in seconds, and once the function is mended the run goes on."""
    teacher = tmp_path / "own.py"
    teacher.write_text("import time\ndef answer(left, right, rng): time.sleep(10_000)\n")
    with train(tmp_path / "run", "--teacher", f"{teacher}:answer", *SMALL, task="pendulum") as run:
        run.wait_for_steps(4000)
        began_s = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        output, errors = run.process.communicate(timeout=60)
        assert time.monotonic() - began_s < STOPPED_WITHIN_S
        assert run.process.returncode == ExitCode.INTERRUPTED, errors[-2000:]
        assert json.loads(output)["error"] == "interrupted"
        assert list((tmp_path / "run" / "checkpoints" / "learner").iterdir())
    teacher.write_text(GOOD)
    with train(tmp_path / "run", "--resume", task="pendulum") as run:
        assert run.finish(timeout_s=200)["labels"] == 20


def test_a_teacher_that_can_never_compare_teaches_nothing(tmp_path: Path) -> None:
    """Said while the run goes on and at its end, with its own exit code."""
    teacher = tmp_path / "own.py"
    teacher.write_text("def answer(left, right, rng): return 'incomparable'\n")
    with train(tmp_path / "run", "--teacher", f"{teacher}:answer", *SMALL, task="pendulum") as run:
        output, errors = run.process.communicate(timeout=200)
    assert run.process.returncode == ExitCode.LEARNED_NOTHING, errors[-2000:]
    reason = "no answer could compare the two clips (20 of 20 answers)"
    assert json.loads(output)["nothing_learned_because"] == reason
    assert "warning: there is nothing to learn from yet: no pair could be compared" in errors


def test_files_that_can_not_grow_end_a_run(tmp_path: Path) -> None:
    """As on a full disk, whichever service meets it first; with space again the run goes on."""
    earlier = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, earlier[1]))
    try:
        context = train(tmp_path / "run", "--teacher", "oracle", *SMALL, task="pendulum")
        run = context.__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, earlier)
    try:
        output, errors = run.process.communicate(timeout=300)
    finally:
        context.__exit__(None, None, None)
    assert run.process.returncode in (ExitCode.FAILED, ExitCode.REFUSED), errors[-2000:]
    assert errors.splitlines()[-1].startswith("somersault: error: ")
    assert "Traceback" not in errors
    assert json.loads(output)["resume"].endswith("--resume")
    with train(tmp_path / "run", "--resume", task="pendulum") as run:
        assert run.finish(timeout_s=200)["labels"] == 20


def _ends_by_one_line(run: Run, code: ExitCode, words: str) -> None:
    output, errors = run.process.communicate(timeout=200)
    assert run.process.returncode == code, errors[-2000:] + run.logs()
    line = errors.splitlines()[-1]
    assert line.startswith("somersault: error: ")
    assert words in line
    assert "Traceback" not in errors
    assert words in json.loads(output)["error"]
