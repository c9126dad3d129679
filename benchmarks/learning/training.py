"""Runs `somersault train` as a user does and reads its summary."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["train"]


def train(run_dir: Path, *arguments: str, task: str = "hopper-backflip") -> dict[str, Any]:
    """Train to the end and return the summary.

    Raises:
        RuntimeError: the run failed; the message is the end of its standard error.
    """
    command = [sys.executable, "-m", "somersault.cli", "train", task, "--run-dir", str(run_dir)]
    command += ["--no-web", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    summary: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return summary
