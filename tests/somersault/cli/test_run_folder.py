"""The folder of a run."""

from __future__ import annotations

import dataclasses
import json
import shutil
import stat
from pathlib import Path

import pytest

from somersault.cli.run_folder import RunFolder, find_folder, next_folder
from somersault.errors import (
    CorruptDataError,
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
)
from somersault.types import Role
from tests.somersault.cli.conftest import make_config


def begin(path: Path) -> RunFolder:
    """A folder with a run in it, released."""
    folder = RunFolder(path)
    folder.begin(make_config(folder))
    folder.release()
    return folder


def test_resumed_run_has_the_settings_it_began_with(tmp_path: Path) -> None:
    """What was stored is what comes back."""
    folder = begin(tmp_path / "run")
    assert RunFolder(tmp_path / "run").resume() == make_config(folder)


def test_store_of_a_run_leads_into_its_folder(tmp_path: Path) -> None:
    """Keys begin with the run's name, so the store is the folder around it."""
    folder = RunFolder(tmp_path / "with space" / "run")
    assert folder.run_id == "run"
    assert folder.storage_url == f"file://{tmp_path}/with%20space"


def test_moved_run_keeps_its_objects_in_its_folder(tmp_path: Path) -> None:
    """A copy, or a run that was moved, neither lacks its clips nor writes over those of the folder that it left."""
    (begin(tmp_path / "old" / "run").path / "segments").mkdir()
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    with RunFolder(tmp_path / "new" / "run") as moved:
        assert moved.resume().storage_url == f"file://{tmp_path}/new"


def test_objects_that_lie_elsewhere_are_looked_for_there(tmp_path: Path) -> None:
    """Of a run that was told where its objects go, however its folder was moved."""
    folder = RunFolder(tmp_path / "old" / "run")
    folder.begin(dataclasses.replace(make_config(folder), storage_url=f"file://{tmp_path}/store"))
    folder.release()
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    with RunFolder(tmp_path / "new" / "run") as moved:
        assert moved.resume().storage_url == f"file://{tmp_path}/store"


def test_folder_with_something_in_it_is_not_begun(tmp_path: Path) -> None:
    """Nobody's files are mixed with a run's, and the way out is named."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").touch()
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(FailedPreconditionError, match="no run is in it; choose another --run-dir"):
        folder.begin(make_config(folder))
    assert [path.name for path in folder.path.iterdir()] == ["thesis.tex"]


def test_folder_of_a_run_is_not_begun_again(tmp_path: Path) -> None:
    """Its answers are not lost, and the way on is named."""
    tokens = begin(tmp_path / "run").read_tokens()
    with RunFolder(tmp_path / "run") as folder:
        with pytest.raises(FailedPreconditionError, match="not empty; add --resume"):
            folder.begin(make_config(folder))
        assert folder.read_tokens() == tokens


def test_folder_whose_making_was_cut_off_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At each step of it: what is left is no run yet, and nothing of anybody's."""
    for cut_off in ("_take_lock", "store_config"):
        path = tmp_path / f"run{cut_off}"
        with monkeypatch.context() as patch, RunFolder(path) as folder:
            patch.setattr(folder, cut_off, lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                folder.begin(make_config(folder))
            assert any(path.iterdir())
        with RunFolder(path) as again:
            again.begin(make_config(again))
            assert again.read_config() == make_config(again)


def test_folder_with_what_services_wrote_is_not_begun(tmp_path: Path) -> None:
    """Logs are of a run that lost its settings, which is for its owner to look at."""
    folder = begin(tmp_path / "run")
    (folder.path / "config.json").unlink()
    (folder.logs / "learner.log").write_text("it learned")
    with pytest.raises(FailedPreconditionError, match="no run is in it"):
        folder.begin(make_config(folder))


def test_folder_is_used_by_one_at_a_time(tmp_path: Path) -> None:
    """Two at once would write over each other."""
    folder = RunFolder(tmp_path / "run")
    folder.begin(make_config(folder))
    with pytest.raises(FailedPreconditionError, match="in use by another"):
        RunFolder(tmp_path / "run").resume()
    folder.release()
    with RunFolder(tmp_path / "run") as second:
        second.resume()


def test_nothing_is_resumed_where_nothing_began(tmp_path: Path) -> None:
    """The error says what is missing."""
    with pytest.raises(NotFoundError, match=r"config\.json is missing"):
        RunFolder(tmp_path / "run").resume()


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 1, "task": "x"}', '{"format": 2}'])
def test_broken_settings_are_refused(tmp_path: Path, text: str) -> None:
    """Nothing is guessed."""
    folder = begin(tmp_path / "run")
    (folder.path / "config.json").write_text(text)
    with pytest.raises(CorruptDataError):
        RunFolder(tmp_path / "run").resume()


def test_tokens_are_secret_and_differ_by_role(tmp_path: Path) -> None:
    """Only the owner of the files can read them; they last as long as the run."""
    folder = begin(tmp_path / "run")
    tokens = folder.read_tokens()
    assert set(tokens) == set(Role)
    assert len(set(tokens.values())) == len(Role)
    assert stat.S_IMODE(folder.tokens.stat().st_mode) == 0o600
    assert RunFolder(tmp_path / "run").read_tokens() == tokens


def test_last_progress_skips_what_was_cut_off(tmp_path: Path) -> None:
    """A process killed in mid-row costs that row alone."""
    folder = begin(tmp_path / "run")
    assert folder.read_last_progress() == {}
    folder.progress.write_text('{"wall_s": 1.0}\n{"wall_s": 2.0}\n{"wall')
    assert folder.read_last_progress() == {"wall_s": 2.0}


def test_summary_is_replaced_whole(tmp_path: Path) -> None:
    """The newest summary is there and no other file is left."""
    folder = begin(tmp_path / "run")
    for number in range(2):
        folder.store_summary({"number": number})
    assert json.loads(folder.summary.read_text()) == {"number": 1}
    assert not list(folder.path.glob("*.new")) + list(folder.path.glob(".*.new"))


def test_folder_that_can_not_name_a_run_is_refused(tmp_path: Path) -> None:
    """The folder's name is part of every key."""
    with pytest.raises(InvalidInputError, match="name of the run folder"):
        RunFolder(tmp_path / "my run")


def test_next_folder_is_the_first_free_one(tmp_path: Path) -> None:
    """Runs of a task are counted."""
    assert next_folder(tmp_path, "hop").name == "hop-1"
    (tmp_path / "hop-1").mkdir()
    assert next_folder(tmp_path, "hop").name == "hop-2"


@pytest.mark.parametrize(
    ("task", "folder"),
    [
        ("ALE/Pong-v5", "ALE-Pong-v5-1"),
        ("my package:Env-v0", "my-package-Env-v0-1"),
        ("x" * 64, "x" * 56 + "-1"),
    ],
)
def test_folder_of_any_task_can_name_a_run(task: str, folder: str, tmp_path: Path) -> None:
    """Gymnasium ids hold characters that a run's name may not."""
    path = next_folder(tmp_path, task)
    assert path.name == folder
    assert RunFolder(path).run_id == folder


def test_a_run_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages know a run's name and not where it lies: `somersault open NAME` looks among runs/, a folder comes first."""
    monkeypatch.chdir(tmp_path)
    assert find_folder(Path("flip-1")) == Path("runs/flip-1")
    assert find_folder(Path("elsewhere/flip-1")) == Path("elsewhere/flip-1")
    (tmp_path / "flip-1").mkdir()
    assert find_folder(Path("flip-1")) == Path("flip-1")
