"""``somersault eval`` on a real run."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import pytest

from somersault.cli.analysis.evaluation import _results, format_report
from somersault.tasks import get_task
from somersault.v1 import simulator_pb2
from tests.somersault.cli.analysis.conftest import Command
from tests.somersault.synthetic_runs import make_run


def test_default_episodes_are_those_of_the_runs_summary(real_run: Path, command: Command) -> None:
    """The same seed, so the very same return; beside it what random and reference reach."""
    report = command.json("eval", real_run)
    summary = json.loads((real_run / "summary.json").read_text())
    assert report["episodes"] == len(report["results"]) == 32
    assert report["true_return"]["mean"] == pytest.approx(summary["true_return_mean"])
    assert report["flips"]["mean"] == pytest.approx(summary["flips_per_episode"])
    assert report["random_return_mean"] == 540
    assert report["reference_return_mean"] == summary["reference_return_mean"]
    assert report["policy_version"] == summary["policy_versions"]


def test_more_episodes_seed_and_likeliest_actions(real_run: Path, command: Command) -> None:
    """Statistics are of the episodes that are listed; the same seed gives the same ones, another seed others."""
    first = command.json("eval", real_run, "--episodes", 40, "--seed", 5, "--deterministic")
    returns = [result["true_return"] for result in first["results"]]
    assert len(returns) == 40
    assert first["is_deterministic"]
    assert first["true_return"]["median"] == pytest.approx(statistics.median(returns))
    assert first["true_return"]["std"] == pytest.approx(statistics.stdev(returns))
    assert (first["true_return"]["lowest"], first["true_return"]["highest"]) == (min(returns), max(returns))
    again = command.json("eval", real_run, "--episodes", 3, "--seed", 5, "--deterministic")
    other = command.json("eval", real_run, "--episodes", 3, "--seed", 6, "--deterministic")
    assert again["results"] != other["results"]


def test_report_is_for_people(real_run: Path, command: Command) -> None:
    """Each episode is a row, and the mean stands between random and reference."""
    text = command.text("eval", real_run, "--episodes", 3)
    assert "3 fresh episodes, sampled actions, as in training" in text
    assert "random 540.0 · this policy" in text
    assert "trained on the score itself 7,840.0" in text
    rows = [line.split() for line in text.splitlines()]
    assert [row[0] for row in rows if row and row[0].isdigit() and len(row) == 4] == ["0", "1", "2"]


def test_many_episodes_are_not_all_shown() -> None:
    """A terminal holds some; --json has all."""
    statistics_of_one = dict.fromkeys(("mean", "median", "std", "standard_error", "lowest", "highest"), 1.0)
    report = {
        "task": "t",
        "policy_version": 1,
        "run": "r",
        "episodes": 70,
        "seed": 0,
        "is_deterministic": False,
        "true_return": statistics_of_one,
        "flips": None,
        "random_return_mean": None,
        "reference_return_mean": None,
        "results": [{"true_return": 1.0}] * 70,
    }
    assert "… and 6 more: --json prints them all" in format_report(report)


def test_what_cannot_be_measured_is_one_line(real_run: Path, command: Command, tmp_path: Path) -> None:
    """No run, no such policy, no such number, no true reward, no policy yet."""
    assert "config.json is missing" in command.error("eval", tmp_path)
    assert "policy version 999 of run" in command.error("eval", real_run, "--version", 999)
    assert "--episodes is 0, must be 1 to" in command.error("eval", real_run, "--episodes", 0, code=2)
    task = tmp_path / "task.py"
    example = (Path(__file__).parents[4] / "examples/custom_task.py").read_text()
    lines = [line for line in example.splitlines() if not line.startswith("    teacher")]
    task.write_text("\n".join(lines).replace("environment=Mujoco", "teacher=None,\n    environment=Mujoco"))
    judged = make_run(tmp_path / "runs" / "judged", str(task))
    assert "has no true reward to measure by" in command.error("eval", judged.path)
    fresh = make_run(tmp_path / "runs" / "fresh", "pendulum")
    for policy in (fresh.path / "policies").iterdir():
        policy.unlink()
    assert "has no policy yet" in command.error("eval", fresh.path)


def test_policy_of_another_task_is_refused_in_one_line(command: Command, tmp_path: Path) -> None:
    """The simulator's own words come through."""
    run = make_run(tmp_path / "runs" / "one", "pendulum")
    other = make_run(tmp_path / "runs" / "two", "hopper")
    for policy in (run.path / "policies").iterdir():
        policy.write_bytes(other.policy().data)
    assert "policy array" in command.error("eval", run.path, code=2)


def test_a_true_reward_that_is_not_finite_has_no_mean_and_is_said() -> None:
    """Statistics of Python fail at infinity, and an averaged NaN says nothing."""
    episodes = [simulator_pb2.EpisodeResult(true_return=value) for value in (1.0, float("inf"))]
    report = {"run": "runs/x", "policy_version": 3, "seed": 1, "is_deterministic": False}
    report |= _results(get_task("pendulum"), episodes)
    assert report["true_return"] is None
    text = format_report(report)
    assert "true return   not finite in every episode" in text
    assert "this policy unknown" in text
