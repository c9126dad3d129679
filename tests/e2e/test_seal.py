"""A run whose learner and reward service are held to their seals trains, is stopped, killed and resumed like any other."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from somersault.processes import landlock
from tests.e2e.runs import Run, train

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(landlock.why_not()), reason=landlock.why_not()),
]

_STEPS = 120_000
_TASK = "from somersault.tasks import get_task\n\nTASK = get_task('pendulum')\n"
_SEALED = ("learner", "reward")


def _is_held(run: Run, service: str) -> bool:
    status = Path(f"/proc/{run.pid_of(service)}/status").read_text()
    return "NoNewPrivs:\t1" in status


def test_a_sealed_run_lives_as_any_other(tmp_path: Path) -> None:
    """With a task of one's own in another folder; both services go on from their own checkpoints after each end."""
    task, run_dir = tmp_path / "mine" / "own_task.py", tmp_path / "runs" / "sealed"
    task.parent.mkdir()
    task.write_text(_TASK)
    given = ("--teacher", "oracle", "--labels", "30", "--steps", str(_STEPS))
    with train(run_dir, *given, task=str(task)) as run:
        run.wait_for_steps(20_000)
        assert [_is_held(run, service) for service in (*_SEALED, "simulator")] == [True, True, False]
        run.process.send_signal(signal.SIGINT)
        _, errors = run.process.communicate(timeout=60)
        assert run.process.returncode == 130, errors[-2000:]
    before = {one: set((run_dir / "checkpoints" / one).iterdir()) for one in _SEALED}
    assert all(before.values())
    with train(run_dir, "--resume", task=str(task)) as run:
        for steps, service in zip((40_000, 60_000), _SEALED, strict=True):
            run.wait_for_steps(steps)
            run.kill(service)
        summary = run.finish(timeout_s=600)
        logs = {one: (run_dir / "logs" / f"{one}.log").read_text() for one in _SEALED}
    assert (summary["labels"], summary["restarts"]) == (30, 2)
    assert summary["env_steps"] >= _STEPS
    assert all("restored" in log and "are open to it" not in log for log in logs.values())
    assert all(set((run_dir / "checkpoints" / one).iterdir()) - before[one] for one in _SEALED)
