"""A run whose services are held to their seals trains, is stopped, killed and resumed like any other.

A task's own code runs within each of its processes, so it can say what the kernel lets each one open.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from somersault.processes import landlock
from tests.e2e.runs import Run, train

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(landlock.why_not()), reason=landlock.why_not()),
]

_STEPS = 120_000
_PATIENCE_S = 600  # it says nothing about speed
_TASK = """
import json, os, sys
from pathlib import Path
from somersault.tasks import get_task

TASK = get_task("pendulum")
_RUN, _SEEN = Path({run!r}), Path({seen!r})

def _opens(path):
    try:
        path.open("rb").close()
    except PermissionError:
        return False
    return True

_service = next((one for one in sys.orig_argv if one.startswith("services.")), "")
_paths = [path for path in (*_RUN.rglob("*"), Path(f"/proc/{{os.getppid()}}/environ")) if path.is_file()]
if _service and any(_RUN.glob("sealed/*")):
    _found = {{str(path): _opens(path) for path in _paths}}
    (_SEEN / f"{{_service}}.{{os.getpid()}}").write_text(json.dumps(_found))
"""
_SEALED = ("learner", "reward")
_OWN = {
    "learner": ("identity.json", "policies/", "checkpoints/learner/", "certificates/learner/"),
    "reward": ("identity.json", "segments/", "checkpoints/reward/", "certificates/reward/"),
}
"""What of a run's files each may at most open."""


def _is_held(run: Run, service: str) -> bool:
    status = Path(f"/proc/{run.pid_of(service)}/status").read_text()
    return "NoNewPrivs:\t1" in status


def _opened(seen: Path, service: str, run_dir: Path) -> set[str]:
    """Return what a service's processes could open of what was there when they began; paths in the run's folder, or others."""
    found = [json.loads(file.read_text()) for file in seen.glob(f"services.{service}.*")]
    assert found
    return {path.removeprefix(f"{run_dir}/") for tries in found for path, is_open in tries.items() if is_open}


def test_a_sealed_run_lives_as_any_other(tmp_path: Path) -> None:
    """With a task of one's own in another folder; both services go on from their own checkpoints after each end.

    They themselves, not another program in their place, are refused what is sealed, and the simulator isn't.
    """
    task, run_dir = tmp_path / "mine" / "own_task.py", tmp_path / "runs" / "sealed"
    task.parent.mkdir()
    task.write_text(_TASK.format(run=str(run_dir), seen=str(task.parent)))
    given = ("--teacher", "oracle", "--labels", "30", "--steps", str(_STEPS))
    with train(run_dir, *given, task=str(task), has_web=True) as run:
        run.wait_for_steps(20_000, timeout_s=_PATIENCE_S)
        held = [_is_held(run, service) for service in (*_SEALED, "web", "simulator")]
        assert held == [True, True, True, False]
        run.process.send_signal(signal.SIGINT)
        _, errors = run.process.communicate(timeout=_PATIENCE_S)
        assert run.process.returncode == 130, errors[-2000:]
    before = {one: set((run_dir / "checkpoints" / one).iterdir()) for one in _SEALED}
    assert all(before.values())
    with train(run_dir, "--resume", task=str(task), has_web=True) as run:
        for steps, service in zip((40_000, 60_000), _SEALED, strict=True):
            run.wait_for_steps(steps, timeout_s=_PATIENCE_S)
            run.kill(service)
        summary = run.finish(timeout_s=600)
        logs = {one: (run_dir / "logs" / f"{one}.log").read_text() for one in _SEALED}
    assert (summary["labels"], summary["restarts"]) == (30, 2)
    assert summary["env_steps"] >= _STEPS
    assert all("restored" in log and "are open to it" not in log for log in logs.values())
    assert all(set((run_dir / "checkpoints" / one).iterdir()) - before[one] for one in _SEALED)
    for service in _SEALED:
        opened = _opened(task.parent, service, run_dir)
        assert {path for path in opened if not path.startswith(_OWN[service])} == set()
        assert any(path.startswith(f"checkpoints/{service}/") for path in opened)
    of_simulator = _opened(task.parent, "simulator", run_dir)
    assert any(path.startswith("sealed/") for path in of_simulator)
    assert "tokens.json" in of_simulator
