"""A run's folder with a name that no URL, shell or table takes as it is: moved, renamed, linked, copied, and gone on with."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from somersault.runs import load_run, read_label_rows
from tests.e2e.runs import train

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]

NAME = " a?run=b&mode=memory#c%2e%41%%'\"[d] $(e):fire:\\cafe\u0301 \U0001f938 "
_STEPS, _LABELS = 20_000, 6  # of each life


def live(folder: Path, life: int, *arguments: str) -> None:
    """One life of the run to its end, which adds steps and labels; every answer is used and nothing begins anew."""
    labels, steps = _LABELS * life, _STEPS * life
    given = ("--labels", str(labels), "--steps", str(steps), *arguments)
    with train(folder, *given, task="pendulum") as run:
        summary = run.finish(timeout_s=240)
    assert summary["labels"] == labels, f"{summary} {run.logs()}"
    assert len(read_label_rows(load_run(folder))) == labels
    assert summary["lost_comparisons"] == 0
    assert summary["env_steps"] >= steps
    assert "comparison_lost" not in (folder / "logs" / "reward.log").read_text()
    learned = load_run(folder)
    stored = {Path(key).stem for key in learned.segment_keys()}
    assert len(learned.policy_versions()) >= 1
    assert stored >= segments_of_answers(folder)


def segments_of_answers(folder: Path) -> set[str]:
    """The segments that were compared."""
    rows = read_label_rows(load_run(folder))
    return {segment for row in rows for segment in (row.left_segment_id, row.right_segment_id)}


def go_on(folder: Path, life: int) -> None:
    """A life that begins at the checkpoint of the one before, and writes where the folder is now."""
    log = folder / "logs" / "learner.log"
    before = len(log.read_text().splitlines())
    checkpoints = set((folder / "checkpoints" / "learner").iterdir())
    newest = max(int(path.stem) for path in checkpoints)
    live(folder, life, "--resume")
    restored = [line for line in log.read_text().splitlines()[before:] if "restored" in line]
    assert f'"env_steps": {newest}' in restored[-1]
    assert set((folder / "checkpoints" / "learner").iterdir()) - checkpoints


def state_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file of a folder with its size and when it was written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_run_goes_on_wherever_its_folder_is(tmp_path: Path) -> None:
    """With each answer and from its newest checkpoint; a copy leaves its original alone."""
    first = tmp_path / NAME / NAME
    live(first, 1, "--teacher", "oracle")
    moved = Path(shutil.move(first, tmp_path / f"{NAME}2"))
    go_on(moved, 2)
    renamed = moved.rename(tmp_path / "-r?%")
    go_on(renamed, 3)
    (tmp_path / f"{NAME}link").symlink_to(renamed)
    go_on(tmp_path / f"{NAME}link", 4)
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", renamed, copy], check=True)
    original = state_of(renamed)
    go_on(copy, 5)
    assert state_of(renamed) == original
    assert {path.name for path in tmp_path.iterdir()} == {NAME, "-r?%", f"{NAME}link", "copy"}
    assert not any((tmp_path / NAME).iterdir())
    assert load_run(copy).settings.run_id == load_run(renamed).settings.run_id
