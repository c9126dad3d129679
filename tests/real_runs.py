"""One small run of the real command, made once for all tests that look at runs afterwards."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

__all__ = ["NUM_LABELS", "OPTIONS", "TASK", "make_real_run"]

ROOT = Path(__file__).parents[1]
TASK = "hopper-backflip"
NUM_LABELS = 16
OPTIONS = ("--teacher", "oracle", "--labels", str(NUM_LABELS), "--steps", "60000", "--seed", "0")
"""What the run is made with, on two threads."""


def make_real_run(folder: Path) -> Path:
    """Train in ``folder/runs`` if no other worker of the tests has, and give the run's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    run = folder / "runs" / f"{TASK}-1"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (run / "summary.json").is_file():
            command = [sys.executable, "-m", "somersault.cli", "train", TASK, *OPTIONS, "--num-threads", "2"]
            command += ["--no-web", "--run-dir", str(run)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr + done.stdout
    return run
