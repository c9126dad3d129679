"""A run's own task and teacher are known again where their files were moved, and named where they are gone."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.start import resumption, train_options
from somersault.cli.start.resumption import resume_run
from somersault.cli.start.train_options import TrainOptions, begin_run
from somersault.errors import ConfigError

TASK = """
import dataclasses
from somersault.tasks import get_task
TASK = dataclasses.replace(get_task("pendulum"), name="mine", teacher_source="judge.py:pay"{more})
"""
JUDGE = "def pay(*_):\n    return 0.0\n\ndef answer(left, right, rng):\n    return 'left'\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a task and a teacher of one's own, and a run of both."""
    for module in (train_options, resumption):
        monkeypatch.setattr(module, "check_run", lambda *_: None)  # what a run needs else is tested elsewhere
    monkeypatch.chdir(tmp_path)
    (tmp_path / "task.py").write_text(TASK.format(more=""))
    (tmp_path / "judge.py").write_text(JUDGE)
    with RunFolder(tmp_path / "run") as folder:
        begin_run(TrainOptions(task="task.py", teacher="judge.py:answer"), folder)
    return tmp_path


def resume(home: Path, **given: Any) -> tuple[RunConfig, list[str]]:
    """Go on with the run."""
    with RunFolder(home / "run") as folder:
        config, notes = resume_run(
            TrainOptions(**{"task": None, **given}, run_dir=home / "run", is_resumed=True), folder
        )
        folder.store_config(config)  # as the run's start does
        return config, notes


@pytest.fixture
def moved(home: Path) -> Path:
    """Both files are elsewhere now."""
    (home / "new").mkdir()
    for name in ("task.py", "judge.py"):
        (home / name).rename(home / "new" / name)
    return home


def test_the_task_need_not_be_named_again(home: Path) -> None:
    """Its place is stored."""
    config, notes = resume(home)
    assert (config.task, config.teacher) == (str(home / "task.py"), f"{home}/judge.py:answer")
    assert not notes
    assert resume(home, task="task.py")[0] == config


def test_a_task_that_was_moved_is_taken_where_it_is_now(moved: Path) -> None:
    """And the next life needs no word of it."""
    config, notes = resume(moved, task="new/task.py", teacher="new/judge.py:answer")
    assert config.task == str(moved / "new" / "task.py")
    assert config.teacher == f"{moved}/new/judge.py:answer"
    assert not notes
    assert resume(moved)[0] == config


def test_a_task_that_is_gone_is_named_with_how_to_give_it(moved: Path) -> None:
    """The settings stay as they were."""
    before = (moved / "run" / "config.json").read_text()
    with pytest.raises(
        ConfigError, match=r"task is in .*/task.py, which is gone; .* train NEW/task.py .*--resume"
    ):
        resume(moved)
    with pytest.raises(
        ConfigError, match=r"teacher is in .*/judge.py, which is gone; .*--teacher NEW/judge.py:answer"
    ):
        resume(moved, task="new/task.py")
    assert (moved / "run" / "config.json").read_text() == before


def test_a_file_that_was_changed_is_told_of(home: Path) -> None:
    """Whatever does not change the agent's side of the task is let through, with a warning."""
    (home / "task.py").write_text(TASK.format(more=", question='Which is nicer?'"))
    (home / "judge.py").write_text(JUDGE + "# better\n")
    config, notes = resume(home)
    assert [note.split()[1] for note in notes] == [str(home / "task.py"), str(home / "judge.py")]
    assert all("has changed since this run began" in note for note in notes)
    assert not resume(home)[1], "it is told once"
    assert config.task_sha256


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (", episode_steps=150", "episode_steps of the task was 200 .* is 150 now"),
        (", frame_shape=(5,)", r"frame_shape of the task was \[4\] .* is \[5\] now"),
    ],
)
def test_another_task_is_refused(home: Path, more: str, told: str) -> None:
    """What was learned could not go on."""
    (home / "task.py").write_text(TASK.format(more=more))
    with pytest.raises(ConfigError, match=told):
        resume(home)


@pytest.mark.parametrize("given", [{"task": "hopper"}, {"task": "other.py"}, {"teacher": "judge.py:pay"}])
def test_another_name_is_another_run(home: Path, given: dict[str, str]) -> None:
    """A file keeps its name, a teacher its function."""
    (home / "other.py").write_text(TASK.format(more=""))
    with pytest.raises(ConfigError, match="when this run began and can't be changed to"):
        resume(home, **given)


def test_a_package_that_is_gone_is_named(home: Path) -> None:
    """Its task can't be found by the name alone."""
    with RunFolder(home / "run") as folder:
        config = folder.resume()
        folder.store_config(dataclasses.replace(config, task="their-task", task_spec=None, task_sha256=""))
    with pytest.raises(ConfigError, match="their-task can't be found any more; reinstall the package"):
        resume(home)


def test_a_run_of_an_earlier_version_goes_on(home: Path) -> None:
    """It knows nothing of the task but its place."""
    path = home / "run" / "config.json"
    stored = json.loads(path.read_text())
    for name in ("task_spec", "task_sha256", "teacher_sha256"):
        del stored[name]
    path.write_text(json.dumps(stored))
    config, notes = resume(home)
    assert not notes
    assert config.task_spec is not None
