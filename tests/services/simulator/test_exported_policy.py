"""An exported backflip does in plain Gymnasium, without the package, what it does in the simulator.

``pytest -m slow tests/services/simulator/test_exported_policy.py`` trains a run of its own; with
``SOMERSAULT_TEST_RUN=FOLDER`` it takes one that is there. It installs from the package index.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from services.simulator.episodes.flips import count_flips
from services.simulator.true_rewards import Steps, true_reward_of
from somersault.tasks import get_task

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ROOT = Path(__file__).parents[3]
NUM_EPISODES = 64
RANDOM_RETURN = 540


def somersault(*arguments: str) -> dict:
    """Run the command and return the JSON that it printed."""
    command = [sys.executable, "-m", "somersault.cli.__main__", *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned to turn."""
    if given := os.environ.get("SOMERSAULT_TEST_RUN"):
        return Path(given)
    folder = tmp_path_factory.mktemp("runs") / "backflip"
    how = ("--teacher", "oracle", "--labels", "60", "--steps", "700000", "--no-web", "--run-dir", str(folder))
    somersault("train", "hopper-backflip", *how)
    return folder


@pytest.fixture(scope="module")
def export(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `somersault export` makes of it."""
    out = tmp_path_factory.mktemp("export") / "backflip"
    assert somersault("export", str(run), "--out", str(out))["left_out"] == []
    return out


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh virtual environment without somersault."""
    folder = tmp_path_factory.mktemp("plain") / "venv"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    needed = ["numpy", "gymnasium[mujoco]==1.4.0", "onnxruntime"]
    subprocess.run([folder / "bin/pip", "install", "-q", *needed], check=True, capture_output=True)
    command = [folder / "bin/python", "-c", "import somersault"]
    absent = subprocess.run(command, cwd=folder, check=False, capture_output=True)
    assert b"ModuleNotFoundError" in absent.stderr
    return folder / "bin/python"


@pytest.fixture(scope="module")
def simulated(run: Path) -> dict:
    """How the simulator says that the policy does."""
    return somersault("eval", str(run), "--episodes", str(NUM_EPISODES), "--seed", "11")


@pytest.mark.parametrize("kind", ["numpy", "onnx"])
def test_policy_returns_as_much_without_the_package(
    kind: str, export: Path, python: Path, simulated: dict, tmp_path: Path
) -> None:
    """Mean true return and flips of 64 episodes are within 3.5 standard errors of the simulator's."""
    script = Path(__file__).parent / "plain_play.py"
    command = [python, script, export, kind, str(NUM_EPISODES), tmp_path / "episodes.npz"]
    subprocess.run(command, check=True, cwd=tmp_path, env={"PATH": "/usr/bin:/bin"})
    with np.load(tmp_path / "episodes.npz") as played:
        states, observations, actions = (played[name] for name in ("states", "observations", "actions"))
    steps = Steps(
        observations.swapaxes(0, 1).astype(np.float32),
        actions.swapaxes(0, 1),
        states[:, :-1].swapaxes(0, 1),
        states[:, 1:].swapaxes(0, 1),
    )
    returns = np.asarray(true_reward_of(get_task("hopper-backflip"))(steps)).sum(axis=0)
    flips = np.array([count_flips(path[:, 3]) for path in states])
    print(  # noqa: T201 - figures for docs/results.md
        f"\n{kind}: true return {returns.mean():,.0f} ± {standard_error(returns):,.0f}, flips {flips.mean():.2f}"
        f" ± {standard_error(flips):.2f}; simulator: {simulated['true_return']['mean']:,.0f} ±"
        f" {simulated['true_return']['standard_error']:,.0f}, {simulated['flips']['mean']:.2f} ±"
        f" {simulated['flips']['standard_error']:.2f}"
    )
    for values, expected in ((returns, simulated["true_return"]), (flips, simulated["flips"])):
        error = np.hypot(standard_error(values), expected["standard_error"])
        assert abs(values.mean() - expected["mean"]) <= 3.5 * error
    assert returns.mean() > 2 * RANDOM_RETURN


@pytest.mark.parametrize("name", ["play.py"])
def test_the_script_that_comes_along_runs_there(name: str, export: Path, python: Path) -> None:
    """It plays as many episodes as it is told to."""
    done = subprocess.run([python, name, "2"], cwd=export, check=True, capture_output=True, text=True)
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == ["episode 0", "episode 1"]


def standard_error(values: np.ndarray) -> float:
    """Of the mean."""
    return float(values.std(ddof=1) / np.sqrt(len(values)))
