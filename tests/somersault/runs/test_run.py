"""Runs are read as they lie: finished, stopped, running, moved, damaged."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

import somersault
from somersault.cli.analysis import run_table
from somersault.errors import (
    CorruptDataError,
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
    SomersaultError,
)
from somersault.runs import RunState, find_runs, load_run, read_label_rows
from somersault.runs.progress import CURVE_NAMES
from tests.real_runs import NUM_LABELS, TASK
from tests.somersault.synthetic_runs import make_run


@pytest.fixture
def copied(real_run: Path, tmp_path: Path) -> Path:
    """A copy of the real run to be changed."""
    return Path(shutil.copytree(real_run, tmp_path / "copied"))


def test_finished_run_tells_all_it_has(real_run: Path) -> None:
    """Settings, results, curves, policy, reward model and answers."""
    run = load_run(real_run)
    assert run.state is RunState.FINISHED
    assert run.task.name == TASK
    assert run.summary is not None
    assert run.summary["labels"] == NUM_LABELS
    assert run.newest_point["run/env_steps"] == run.summary["env_steps"]
    steps, returns = run.curve("episode/true_return_mean")
    assert len(steps) == len(returns) > 0
    assert run.policy().version == run.summary["policy_versions"]
    assert run.policy().arrays["mean.weight"].shape == (3, 64)
    assert run.reward_model().arrays["weights.0"].shape == (3, 14, 64)
    assert len(read_label_rows(run)) == NUM_LABELS


def test_reading_changes_nothing(real_run: Path) -> None:
    """Not a byte of the run, and no file is left behind."""

    def contents() -> dict[str, tuple[int, int]]:
        # SQLite's readers share an index in -shm; it holds nothing that isn't in the other files.
        files = (path for path in real_run.rglob("*") if path.is_file() and path.suffix != ".sqlite-shm")
        return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}

    before = contents()
    run = load_run(real_run)
    run.policy(), run.reward_model(), run.points, run.state, read_label_rows(run), run.segment_keys()
    assert contents() == before


def test_answers_name_their_segments_and_labeler(real_run: Path) -> None:
    """Each answer's segments are stored under their names."""
    run = load_run(real_run)
    stored = {Path(key).stem for key in run.segment_keys()}
    for row in read_label_rows(run):
        assert {row.left_segment_id, row.right_segment_id} <= stored
        assert row.preference in {"left", "right", "equal", "incomparable"}
        assert row.labeler_role == "teacher"
        assert row.version == 1
        assert not row.is_extra


def test_run_that_somebody_works_with_is_running(copied: Path) -> None:
    """While the lock of `somersault train` is held."""
    with (copied / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert load_run(copied).state is RunState.RUNNING
    assert load_run(copied).state is RunState.FINISHED


def test_run_whose_pages_are_open_is_not_running(copied: Path) -> None:
    """`somersault open` holds the lock as well, and says so in it."""
    with (copied / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("open")
        lock.flush()
        assert load_run(copied).state is RunState.FINISHED


def test_run_without_summary_is_stopped(copied: Path) -> None:
    """And so is one that went on after its end."""
    with (copied / "progress.jsonl").open("a") as progress:
        progress.write(json.dumps({"run/env_steps": 10**9}) + "\n")
    assert load_run(copied).state is RunState.STOPPED
    (copied / "summary.json").unlink()
    assert load_run(copied).state is RunState.STOPPED


def test_late_answers_are_counted_once_nobody_trains(copied: Path) -> None:
    """A stopped run tells what training knew last; its labels know more. Gold and extras are none of them."""
    newest = load_run(copied).newest_point
    (copied / "progress.jsonl").write_text(json.dumps(newest | {"run/labels": 7}) + "\n")
    (copied / "summary.json").unlink()
    assert load_run(copied).num_labels == NUM_LABELS
    with closing(sqlite3.connect(copied / "labels.sqlite")) as database, database:
        numbers = [
            number for (number,) in database.execute("SELECT number FROM answers ORDER BY number LIMIT 3")
        ]
        database.execute("UPDATE answers SET preference = 'incomparable' WHERE number = ?", numbers[:1])
        database.execute("UPDATE answers SET is_extra = 1 WHERE number = ?", numbers[1:2])
        database.execute("UPDATE answers SET is_gold = 1, is_extra = 1 WHERE number = ?", numbers[2:])
    database.close()
    assert load_run(copied).num_labels == NUM_LABELS - 2
    (row,) = (run_table.as_values(run) for run in find_runs(copied)[0])
    assert row["labels"] == NUM_LABELS - 2
    with (copied / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert load_run(copied).num_labels == 7


def test_labels_that_cannot_be_read_are_as_many_as_training_told(copied: Path) -> None:
    """A damaged database doesn't keep a run out of the list."""
    (copied / "labels.sqlite").write_bytes(b"no database")
    assert load_run(copied).num_labels == NUM_LABELS


def test_curve_that_no_run_has_is_refused(copied: Path) -> None:
    """By the names there are, an algorithm's own among them; what has no point yet is empty."""
    run = load_run(copied)
    with pytest.raises(
        InvalidInputError, match=r"curve is 'nonsense', must be one of .*learner/entropy.*run/labels"
    ):
        run.curve("nonsense")
    (copied / "progress.jsonl").unlink()
    assert all(run.curve(name) == ([], []) for name in CURVE_NAMES)


def test_curves_of_every_run_are_known(real_run: Path) -> None:
    """What `train` writes into its points, but for the algorithm's own."""
    written = {name for point in load_run(real_run).points for name in point}
    assert {name for name in written if name.startswith(("run/", "episode/", "reward/"))} <= set(CURVE_NAMES)


def test_run_policy_and_reward_model_say_what_they_are(tmp_path: Path) -> None:
    """Where somebody prints them."""
    run = make_run(tmp_path / "one", "pendulum")
    assert repr(run) == f"Run('{tmp_path}/one', task='pendulum', state='finished')"
    assert repr(somersault.load_policy(run)) == "<Policy version 7 that looks at 4 numbers>"
    assert repr(somersault.load_reward_model(run)) == "<RewardModel version 3 that looks at numbers>"


def test_moved_and_renamed_run_finds_its_objects(copied: Path, real_run: Path) -> None:
    """Its settings name the folder where it was made."""
    moved = copied.rename(copied.parent / "another name")
    assert load_run(moved).policy().data == load_run(real_run).policy().data
    assert load_run(moved).reward_model().version == load_run(real_run).reward_model().version


def test_objects_in_another_store_are_found(real_run: Path, tmp_path: Path) -> None:
    """A run that was told where its objects go has them there, under its run_id."""
    elsewhere, folder = tmp_path / "store", tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    settings = json.loads((real_run / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"storage_url": elsewhere.as_uri()}))
    for name in ("policies", "checkpoints"):
        shutil.copytree(real_run / name, elsewhere / settings["run_id"] / name)
    shutil.copy(real_run / "identity.json", elsewhere / settings["run_id"])
    assert load_run(folder).policy().data == load_run(real_run).policy().data


def test_earlier_policies_are_found_by_their_version(copied: Path) -> None:
    """And what isn't stored is named."""
    policies = copied / "policies"
    newest = max(policies.iterdir())
    shutil.copy(newest, policies / "00000001.safetensors")
    run = load_run(copied)
    assert run.policy_versions() == [1, int(newest.stem)]
    assert run.policy(1).version == 1
    with pytest.raises(NotFoundError, match=r"policy version 2 of run .* isn't stored; \[1, "):
        run.policy(2)


def test_run_without_policy_says_so(copied: Path) -> None:
    """The first minutes of a run."""
    shutil.rmtree(copied / "policies")
    with pytest.raises(FailedPreconditionError, match="has no policy yet"):
        load_run(copied).policy()


def test_reference_run_has_no_reward_model(copied: Path) -> None:
    """It trained on the true reward."""
    _change(copied, is_reference=True)
    with pytest.raises(FailedPreconditionError, match="trained on the true reward"):
        load_run(copied).reward_model()


def test_run_without_answers_has_none(copied: Path) -> None:
    """A reference run has no database at all."""
    (copied / "labels.sqlite").unlink()
    assert read_label_rows(load_run(copied)) == []


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"format": 2}, CorruptDataError, "format 2, this version of somersault reads format 1"),
        ({"format": None}, CorruptDataError, "format None"),
        ({"seed": "x"}, CorruptDataError, "seed 'x', must be of type int"),
    ],
)
def test_settings_that_cannot_be_read_are_named(
    change: dict[str, object], error: type[SomersaultError], text: str, copied: Path
) -> None:
    """Of another version, or damaged."""
    _change(copied, **change)
    with pytest.raises(error, match=text):
        load_run(copied)


def test_setting_of_a_later_version_is_no_obstacle(copied: Path) -> None:
    """Readers take what they know."""
    _change(copied, a_setting_to_come=1)
    assert load_run(copied).settings.task == TASK


def test_damaged_files_are_named(copied: Path, tmp_path: Path) -> None:
    """No traceback, but the file."""
    newest = max((copied / "policies").iterdir())
    newest.write_bytes(newest.read_bytes()[:50])
    with pytest.raises(CorruptDataError, match=newest.name):
        load_run(copied).policy()
    (copied / "labels.sqlite").write_bytes(b"no database")
    with pytest.raises(CorruptDataError, match=r"labels\.sqlite can't be read"):
        read_label_rows(load_run(copied))
    with pytest.raises(NotFoundError, match=r"no run in .*: config\.json is missing"):
        load_run(tmp_path)


def test_steps_that_were_made_twice_count_once(copied: Path) -> None:
    """A resumed life begins at its checkpoint; half a line of a killed one is left out."""
    rows = [{"run/env_steps": steps, "v": index} for index, steps in enumerate((10, 20, 30))]
    rows += [{"run/env_steps": 0}, {"run/env_steps": 20, "v": 3}, {"run/env_steps": 40, "v": 4}]
    lines = "\n".join(json.dumps(row) for row in rows)
    (copied / "progress.jsonl").write_text(lines + '\n{"run/env_st')
    run = load_run(copied)
    assert run.curve("v") == ([10, 20, 20, 40], [0.0, 1.0, 3.0, 4.0])
    assert run.newest_point["v"] == 4


def test_runs_of_a_folder_are_found_newest_first(tmp_path: Path) -> None:
    """In folders of folders too; the insides of runs are no runs, and what can't be read is told."""
    old = make_run(tmp_path / "study" / "old", TASK)
    new = make_run(tmp_path / "new", TASK)
    damaged = make_run(tmp_path / "damaged", TASK)
    (damaged.path / "config.json").write_text("{}")
    os.utime(old.path / "config.json", (1, 1))
    found, problems = find_runs(tmp_path)
    assert [run.path for run in found] == [new.path, old.path]
    assert len(problems) == 1
    assert "damaged" in problems[0]
    with pytest.raises(NotFoundError, match="no folder"):
        find_runs(tmp_path / "absent")


def test_a_run_of_another_user_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose folder may be seen and not looked into: the others are listed all the same."""
    make_run(tmp_path / "mine", "pendulum")
    make_run(tmp_path / "theirs", "pendulum")
    is_file = Path.is_file

    def refuse(path: Path) -> bool:
        if path.parent.name == "theirs":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refuse)
    found, _ = find_runs(tmp_path)
    assert [run.name for run in found] == ["mine"]


def _change(folder: Path, **changes: object) -> None:
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | changes))


def test_objects_of_unknown_names_are_left_out_and_said_once(tmp_path: Path) -> None:
    """Whoever put them there learns why they aren't used."""
    run = make_run(tmp_path / "one", "hopper-backflip")
    segments, policies = run.segment_keys(), run.policy_versions()
    unknown = ["one/policies/best.safetensors", "one/segments/notes.txt"]
    for key in unknown:
        run.store.put(key, b"mine")
    with capture_logs() as logs:
        for _ in range(2):
            assert run.segment_keys() == segments
            assert run.policy_versions() == policies
    assert [log["key"] for log in logs if log["event"] == "unknown_object_left_alone"] == unknown[::-1]
    assert all(run.store.get(key) == b"mine" for key in unknown)
