"""Ctrl-C drains, and `--resume` goes on with the same counters."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.e2e.runs import train

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """The first life ends with 130 and the command to resume; the second begins at its steps and labels."""
    run_dir = tmp_path / "interrupted"
    with train(run_dir, "--teacher", "oracle", "--labels", "20", "--steps", "80000") as run:
        run.wait_for_steps(40_000)
        run.process.send_signal(signal.SIGINT)
        _, errors = run.process.communicate(timeout=60)
        assert run.process.returncode == 130, errors[-2000:]
        assert "--resume" in errors
        rows = run.log_rows()
        steps = max(int(path.stem) for path in (run_dir / "checkpoints" / "learner").iterdir())
    assert steps >= 40_000
    with train(run_dir, "--resume") as run:
        summary = run.finish(timeout_s=200)
        resumed = [
            line for line in (run_dir / "logs" / "learner.log").read_text().splitlines() if "restored" in line
        ]
        assert f'"env_steps": {steps}' in resumed[-1]
        assert run.log_rows()[: len(rows)] == rows
    assert summary["labels"] == 20
    assert summary["env_steps"] >= 80_000
    assert summary["restarts"] == 0
