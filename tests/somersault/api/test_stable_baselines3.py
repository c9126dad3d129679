"""Another library trains on the learned reward; see `train_elsewhere`. It installs from the package index."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[3]
SECONDS = 60


def test_stable_baselines3_gets_better_by_the_learned_reward(real_run: Path, tmp_path: Path) -> None:
    """A minute of PPO in an environment of its own raises the mean learned return of fresh episodes."""
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    for packages in (
        ("torch==2.13.0",),
        ("stable-baselines3", "gymnasium[mujoco]==1.4.0"),
        ("-e", f"{ROOT}[simulator]"),
    ):
        subprocess.run([folder / "bin/pip", "install", "-q", *packages], check=True, capture_output=True)
    script = Path(__file__).parent / "train_elsewhere.py"
    command = [folder / "bin/python", script, real_run, str(SECONDS)]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    trained = json.loads(done.stdout.splitlines()[-1])
    assert trained["steps"] > 1000
    assert trained["after"] > trained["before"] + 20
