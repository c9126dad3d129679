"""Curves on disk."""

from __future__ import annotations

import json
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from somersault.cli.curves import CurveWriter
from tests.somersault.cli.test_progress import make_progress


def write(folder: Path, *steps: int, **changes: object) -> None:
    """One life of a run that writes a point at each of these steps."""
    with CurveWriter(tensorboard=folder / "tensorboard", progress=folder / "progress.jsonl") as curves:
        for env_steps in steps:
            progress = make_progress(env_steps=env_steps, **changes)
            curves.write(progress, wall_s=1.5, num_restarts=2)


def test_tensorboard_reads_the_curves(tmp_path: Path) -> None:
    """Every curve is there under its tag, by environment steps."""
    write(tmp_path, 100, 200)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    returns = events.Scalars("episode/true_return_mean")
    assert [event.step for event in returns] == [100, 200]
    assert abs(returns[0].value - 1234.4) < 1e-3
    assert "learner/policy_loss" in events.Tags()["scalars"]


def test_progress_is_one_object_a_line(tmp_path: Path) -> None:
    """Each row says when, how far and how well."""
    write(tmp_path, 100)
    (row,) = map(json.loads, (tmp_path / "progress.jsonl").read_text().splitlines())
    assert row["wall_s"] == 1.5
    assert row["restarts"] == 2
    assert row["run/env_steps"] == 100
    assert row["reward/preference_accuracy"] == 0.8


def test_curve_without_a_value_has_no_point(tmp_path: Path) -> None:
    """Nothing known is not zero."""
    write(tmp_path, 100, preference_accuracy=None)
    assert "reward/preference_accuracy" not in json.loads((tmp_path / "progress.jsonl").read_text())


def test_second_life_goes_on_in_the_same_file(tmp_path: Path) -> None:
    """Rows are appended, and one that was cut off spoils only itself."""
    write(tmp_path, 100)
    with (tmp_path / "progress.jsonl").open("a") as file:
        file.write('{"wall')
    write(tmp_path, 200)
    lines = (tmp_path / "progress.jsonl").read_text().splitlines()
    assert [lines[1], json.loads(lines[2])["run/env_steps"]] == ['{"wall', 200]
