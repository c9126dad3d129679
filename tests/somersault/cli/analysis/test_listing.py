"""``somersault runs``, ``plot`` and ``compare`` on a real run and some others."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from somersault.cli.analysis import plotting
from somersault.cli.analysis.curves import Curve, read_curves
from somersault.runs import load_run
from tests.real_runs import NUM_LABELS
from tests.somersault.cli.analysis.conftest import Command
from tests.somersault.synthetic_runs import make_run


def write_points(folder: Path, rows: list[dict]) -> None:
    """Give a run curves."""
    (folder / "progress.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_runs_are_listed(real_run: Path, command: Command) -> None:
    """One line each with state, task, labels, return and path; --json has the figures."""
    summary = json.loads((real_run / "summary.json").read_text())
    row = command.json("runs", real_run.parent)
    assert row["state"] == "finished"
    assert row["task"] == "hopper-backflip"
    assert row["labels"] == row["label_budget"] == NUM_LABELS
    assert row["env_steps"] == summary["env_steps"]
    assert row["true_return_mean"] == summary["true_return_mean"]
    assert row["path"] == str(real_run)
    header, line, *_ = command.text("runs", real_run.parent).splitlines()
    assert header.split()[:5] == ["state", "task", "by", "seed", "labels"]
    expected = ["finished", "hopper-backflip", "oracle", "0", f"{NUM_LABELS}/{NUM_LABELS}"]
    assert line.split()[:5] == expected
    assert line.endswith(str(real_run))


def test_empty_and_absent_folders_are_told_apart(command: Command, tmp_path: Path) -> None:
    """With what to do."""
    assert "no runs in" in command.text("runs", tmp_path)
    assert "no folder" in command.error("runs", tmp_path / "absent")


def test_run_whose_task_is_gone_is_listed(command: Command, tmp_path: Path) -> None:
    """Its file was deleted; its name stays."""
    run = make_run(tmp_path / "one", "pendulum")
    settings = json.loads((run.path / "config.json").read_text())
    (run.path / "config.json").write_text(json.dumps(settings | {"task": "/gone/task.py"}))
    assert command.json("runs", tmp_path)["task"] == "/gone/task.py"


def test_damaged_run_hides_no_other(command: Command, tmp_path: Path) -> None:
    """A summary that was cut off is a problem of its own run alone."""
    whole, damaged = (make_run(tmp_path / name, "pendulum") for name in ("whole", "damaged"))
    (damaged.path / "summary.json").write_text('{"env_steps": 1')
    assert command.json("runs", tmp_path)["path"] == str(whole.path)


def test_plot_is_drawn_in_the_terminal(real_run: Path, command: Command) -> None:
    """Dots between the lowest and the highest value, from the first step to the last."""
    lines = command.text("plot", real_run, "--curve", "return").splitlines()
    (curve,) = read_curves([load_run(real_run)], ["return"], axis="steps")
    returns = curve.values  # a run that waited made several points at one step, of which the newest is drawn
    assert lines[0].startswith("hopper-backflip-1: true return, newest ")
    assert lines[1].split()[0] == f"{max(returns):,.0f}"
    assert lines[12].split()[0] == f"{min(returns):,.0f}"
    assert any("⠁" <= character <= "⣿" for character in lines[6])


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_plot_is_written(suffix: str, real_run: Path, command: Command, tmp_path: Path) -> None:
    """As the suffix says, with the curve's colour in it."""
    out = tmp_path / f"plot{suffix}"
    made = command.json("plot", real_run, "--out", out, "--curve", "return", "--curve", "labels")
    assert [curve["curve"] for curve in made["curves"]] == ["return", "labels"]
    if suffix == ".png":
        pixels = np.asarray(Image.open(out).convert("RGB"), int)
        assert (np.abs(pixels - (0x00, 0x72, 0xB2)).sum(axis=2) < 30).sum() > 200
    elif suffix == ".svg":
        assert "#0072b2" in out.read_text()
        assert "<svg" in out.read_text()
    else:
        assert out.read_bytes().startswith(b"%PDF")


def test_runs_are_compared_in_one_plot(real_run: Path, command: Command, tmp_path: Path) -> None:
    """A row each, and each run's curve in a colour of its own."""
    other = make_run(tmp_path / "other", "hopper-backflip")
    rows = [
        {"run/env_steps": step, "episode/true_return_mean": step / 10, "wall_s": step} for step in (100, 900)
    ]
    write_points(other.path, rows)
    made = command.json("compare", real_run, other.path, "--out", tmp_path / "both.svg", "--curve", "return")
    assert [row["name"] for row in made["runs"]] == ["hopper-backflip-1", "other"]
    assert [curve["run"] for curve in made["plot"]["curves"]] == ["hopper-backflip-1", "other"]
    drawn = (tmp_path / "both.svg").read_text()
    assert "#0072b2" in drawn
    assert "#d55e00" in drawn
    table = command.text("compare", real_run, other.path).splitlines()
    assert len(table) == 3


def test_curves_are_drawn_over_steps_answers_or_time(tmp_path: Path) -> None:
    """Of several points at one place the newest counts; smoothing weighs the past."""
    run = make_run(tmp_path / "one", "pendulum")
    keys = ("run/env_steps", "run/labels", "wall_s", "episode/true_return_mean")
    points = [(10, 1, 60, 1.0), (20, 1, 120, 3.0), (20, 2, 180, 5.0)]
    write_points(run.path, [dict(zip(keys, point, strict=True)) for point in points])

    def read(axis: str, smoothing: float = 0.0) -> tuple[list[float], list[float]]:
        (curve,) = read_curves([run], ["return"], axis=axis, smoothing=smoothing)
        return curve.places, curve.values

    assert read("steps") == ([10, 20], [1.0, 5.0])
    assert read("labels") == ([1, 2], [3.0, 5.0])
    assert read("time") == ([1, 2, 3], [1.0, 3.0, 5.0])
    # 1; then (0.5 · 1 + 1 · 3) / 1.5; then (0.25 · 1 + 0.5 · 3 + 1 · 5) / 1.75
    assert read("time", 0.5)[1] == pytest.approx([1, 7 / 3, 27 / 7])


def test_two_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """By the folders around them, as many as it takes."""
    runs = [make_run(tmp_path / study / "seed-0", "pendulum") for study in ("a", "b", "x/a")]
    for run in runs:
        write_points(run.path, [{"run/env_steps": 1, "episode/true_return_mean": 1}])
    assert [curve.run for curve in read_curves(runs, ["return"], axis="steps")] == [
        f"{tmp_path.name}/a/seed-0",
        "b/seed-0",
        "x/a/seed-0",
    ]


def test_names_of_runs_are_written_as_they_are(
    tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In tables, where brackets are styles, and in plots, where dollars are formulas and underscores hide."""
    names = ["_a", "[b]:fire:", "$\\frac$", "50% x_1^2"]
    made = [make_run(tmp_path / f"run-{number}", "pendulum").path for number, _ in enumerate(names)]
    runs = [load_run(path.rename(tmp_path / name)) for path, name in zip(made, names, strict=True)]
    for run in runs:
        write_points(run.path, [{"run/env_steps": 1, "episode/true_return_mean": 1}])
    out = command.text("compare", *(run.path for run in runs))
    assert [line.rpartition("/")[2] for line in out.splitlines()[1:]] == names

    written: list[str] = []

    def read(figure: Figure, _path: object) -> None:
        figure.draw_without_rendering()
        written.extend(text.get_text() for text in figure.axes[0].get_legend().get_texts())

    monkeypatch.setattr(Figure, "savefig", read)
    command.json("compare", *(run.path for run in runs), "--out", tmp_path / "x.png")
    assert written == names


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--curve", "beauty"), "--curve is 'beauty', must be one of return, "),
        (("--by", "weight"), "--by is 'weight', must be one of steps, labels, time"),
        (("--smooth", 1), "--smooth is 1, must be 0 to under 1"),
        (("--out", "x.bmp"), "must be a file that ends in .png, .svg, .pdf"),
    ],
)
def test_wrong_options_are_named(
    options: tuple[object, ...], text: str, real_run: Path, command: Command
) -> None:
    """In one line."""
    assert text in command.error("plot", real_run, *options, code=2)


def test_run_without_a_point_says_so(command: Command, tmp_path: Path) -> None:
    """Nothing is drawn of nothing."""
    run = make_run(tmp_path / "one", "pendulum")
    (run.path / "progress.jsonl").unlink()
    assert "no such curve has a point yet" in command.error("plot", run.path)


def test_without_matplotlib_the_terminal_still_draws(
    real_run: Path, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And a file is refused with the command that installs it."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    line = command.error("plot", real_run, "--out", tmp_path / "x.png", code=2)
    assert "pip install 'somersault[plot]'" in line
    assert command.text("plot", real_run)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"run/labels": 30, "reward/num_accuracy_preferences": 9}, "-"),
        ({"run/labels": 30, "reward/num_accuracy_preferences": 10}, "100%"),
        ({"run/labels": 9}, "-"),
        ({"run/labels": 10}, "100%"),
    ],
)
def test_too_few_answers_say_nothing_of_prediction(
    told: dict[str, int], shown: str, command: Command, tmp_path: Path
) -> None:
    """Lists and comparisons leave the share out under ten answers, as pages do; older runs tell all answers alone."""
    run = make_run(tmp_path / "one", "pendulum")
    (run.path / "summary.json").unlink()
    write_points(run.path, [{"run/env_steps": 1, "reward/preference_accuracy": 1.0, **told}])
    for arguments in (("runs", tmp_path), ("compare", run.path, run.path)):
        header, line, *_ = command.text(*arguments).splitlines()
        # Figures are right-aligned: the cell ends where its header does.
        assert line[: header.index("predicted") + len("predicted")].split()[-1] == shown


def test_ticks_are_whole_and_a_single_point_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Panels share their range; no tick's label is rounded; a line of one point would be nothing."""
    figures: list[Any] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, _: figures.append(figure))
    curves = [
        Curve("a", "return", [0, 5, 15], [1.0, 2.0, 3.0]),
        Curve("b", "return", [1], [1.0]),
        Curve("a", "flips", [3, 4], [0.0, 1.0]),
    ]
    plotting.write_plot(tmp_path / "x.png", curves, axis="labels", title="")
    panels = figures[0].axes
    assert panels[0].get_xlim() == panels[1].get_xlim()
    assert all(tick == int(tick) for panel in panels for tick in panel.get_xticks())
    assert [line.get_marker() for line in panels[0].lines] == ["None", "o"]
