"""Real runs in environments that fail once they are under way: each ends in seconds, with the line that says why."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.e2e.runs import Run, train

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.usefixtures("importable_tests"),
]

_BY_TEACHER = ("--teacher", "oracle", "--labels", "20")
_STARTED_S = 60.0  # a busy machine imports torch twice at once
_LATE = 300
"""The step from which on each is odd: after the trial, within the first rollouts."""


def _task_of(kind: str, folder: Path) -> str:
    """A task's file, as somebody has who wrote an environment."""
    path = folder / "odd.py"
    path.write_text(
        "import dataclasses\nfrom somersault.tasks import get_task\n"
        f"TASK = dataclasses.replace(get_task('tests.odd_environments:Odd/{kind}-v0'), name='odd-{kind}')\n"
    )
    return str(path)


def _ended(run: Run) -> tuple[int, str]:
    """The exit code and the line of a run that ends by itself."""
    output, _ = run.process.communicate(timeout=_STARTED_S + 60)
    assert run.process.returncode is not None
    return run.process.returncode, json.loads(output.strip().splitlines()[-1])["error"]


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        (
            "NanObservation",
            _BY_TEACHER,
            f"returned an observation from step that is nan at [1], must be finite, at step {_LATE}",
        ),
        ("OtherShape", _BY_TEACHER, "returned an observation from step that has shape (1,), must be (4,)"),
        ("NanReward", ("--true-reward",), "returned nan as reward, must be a finite number"),
        ("RaisesInStep", _BY_TEACHER, f"raised ValueError('the wheel is off') at step {_LATE} ("),
        ("EndsTheProcess", _BY_TEACHER, "ended the process (exit code 7) in step, at step"),
        ("Crashes", _BY_TEACHER, "ended the process (killed by SIGSEGV) in step, at step"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_an_environment_that_fails_ends_the_run_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, arguments: tuple[str, ...], told: str
) -> None:
    """Refused for good, exit code 2: nothing is dialled again and again, no box is drawn."""
    monkeypatch.setenv("ODD_AT", str(_LATE))
    task = _task_of(kind, tmp_path)
    with train(tmp_path / "run", *arguments, "--steps", "20000", task=task) as run:
        code, line = _ended(run)
    assert code == 2
    assert told in line
    assert f"environment odd-{kind}" in line
    assert "\n" not in line


def test_an_environment_that_fails_once_costs_the_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long after it began, its environments begin anew, and the run comes to its end."""
    monkeypatch.setenv("ODD_AT", "1500")
    monkeypatch.setenv("ODD_MEMORY", str(tmp_path / "once"))
    task = _task_of("RaisesOnce", tmp_path)
    with train(
        tmp_path / "run", *_BY_TEACHER, "--steps", "30000", "--num-environments", "8", task=task
    ) as run:
        summary = run.finish(timeout_s=200)
    assert (tmp_path / "once").exists()
    assert summary["restarts"] == 0
    log = (tmp_path / "run" / "logs" / "simulator.log").read_text()
    assert '"event": "environment_failed"' in log


def test_ctrl_c_ends_a_run_whose_environment_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, as any other; the learner's checkpoint is stored."""
    monkeypatch.setenv("ODD_AT", str(_LATE))
    task = _task_of("Hangs", tmp_path)
    with train(tmp_path / "run", *_BY_TEACHER, "--steps", "20000", task=task) as run:
        call = tmp_path / "run" / "logs" / "simulator.calls"
        give_up_s = time.monotonic() + _STARTED_S + 60
        while b"step" not in (call.read_bytes() if call.exists() else b""):
            assert time.monotonic() < give_up_s, run.logs()
            time.sleep(0.2)
        time.sleep(2.0)
        began_s = time.monotonic()
        run.process.send_signal(signal.SIGINT)
        run.process.communicate(timeout=60)
    assert run.process.returncode == 130
    assert time.monotonic() - began_s < 15
