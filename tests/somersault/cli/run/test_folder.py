"""The folder of a run."""

from __future__ import annotations

import dataclasses
import fcntl
import json
import shutil
import stat
import threading
from pathlib import Path

import pytest

from somersault.cli.run.folder import RunFolder
from somersault.cli.run.names import find_folder, next_folder
from somersault.domain.roles import Role
from somersault.errors import (
    ConfigError,
    CorruptDataError,
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
)
from somersault.storage import open_store
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
    """What its keys have after the run's name lies in it."""
    folder = begin(tmp_path / "with space" / "run")
    open_store(folder.storage_url).put("run/segments/s", b"x")
    assert (folder.path / "segments" / "s").read_bytes() == b"x"


def test_settings_name_no_place_for_a_store_in_the_folder(tmp_path: Path) -> None:
    """So that it can lie elsewhere tomorrow."""
    folder = begin(tmp_path / "run")
    assert json.loads((folder.path / "config.json").read_text())["storage_url"] == ""
    assert str(tmp_path) not in (folder.path / "config.json").read_text()


@pytest.mark.parametrize("name", ["run", "renamed", "of another name"])
def test_store_is_where_the_folder_is_now(tmp_path: Path, name: str) -> None:
    """Moved, renamed or copied: the run keeps its name and writes into no other folder."""
    begin(tmp_path / "old" / "run")
    shutil.copytree(tmp_path / "old" / "run", tmp_path / "new" / name)
    with RunFolder(tmp_path / "new" / name) as copied:
        config = copied.resume()
        assert config.run_id == copied.run_id == "run"
        open_store(config.storage_url).put("run/policies/p", b"x")
    assert (tmp_path / "new" / name / "policies" / "p").exists()
    assert not (tmp_path / "old" / "run" / "policies").exists()


def set_store(folder: RunFolder, url: str) -> None:
    """Write a store's URL into a run's settings, as earlier versions did."""
    path = folder.path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"storage_url": url}))


@pytest.mark.parametrize("has_objects", [True, False])
@pytest.mark.parametrize("move", ["stay", "move", "rename", "copy"])
def test_store_of_an_earlier_version_is_where_the_folder_is_now(
    tmp_path: Path, move: str, *, has_objects: bool
) -> None:
    """Its settings hold the URL of the folder that was around it when it began."""
    old = begin(tmp_path / "old" / "run")
    set_store(old, old.path.parent.as_uri())
    if has_objects:
        (old.path / "segments").mkdir()
    path = {"stay": old.path, "rename": tmp_path / "old" / "other"}.get(move, tmp_path / "new" / "run")
    if move != "stay":
        shutil.copytree(old.path, path)
    if move == "move":
        shutil.rmtree(old.path.parent)
    if move == "rename":
        shutil.rmtree(old.path)
    with RunFolder(path) as resumed:
        config = resumed.resume()
        assert config.storage_url == f"{path.as_uri()}?run=run"
        resumed.store_config(config)
        assert json.loads((path / "config.json").read_text())["storage_url"] == ""


def test_objects_that_lie_elsewhere_are_looked_for_there(tmp_path: Path) -> None:
    """Of a run that was told where its objects go, however its folder was moved."""
    folder, url = RunFolder(tmp_path / "old" / "run"), (tmp_path / "store").as_uri()
    folder.begin(dataclasses.replace(make_config(folder), storage_url=folder.settle_storage(url)))
    folder.release()
    open_store(url).put("run/segments/s", b"x")
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    with RunFolder(tmp_path / "new" / "run") as moved:
        assert moved.resume().storage_url == url


def test_link_among_the_objects_is_refused(tmp_path: Path) -> None:
    """Nothing of a run that goes on would be stored, and nobody would hear of it."""
    folder = begin(tmp_path / "run")
    (tmp_path / "disk").mkdir()
    (folder.path / "segments").symlink_to(tmp_path / "disk")
    with (
        RunFolder(folder.path) as resumed,
        pytest.raises(FailedPreconditionError, match="is a symbolic link"),
    ):
        resumed.resume()


def test_store_around_the_folder_is_the_folder_itself(tmp_path: Path) -> None:
    """Where it was asked for by name: the objects lie in the folder all the same."""
    folder = RunFolder(tmp_path / "run")
    assert folder.settle_storage(tmp_path.as_uri()) == folder.settle_storage(None) == folder.storage_url


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


def test_who_only_looks_keeps_nobody_from_resuming(tmp_path: Path) -> None:
    """A list of runs looks at each lock for a moment, which may be the very moment of the resume."""
    path = begin(tmp_path / "run").path
    with (path / ".lock").open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        unlock = threading.Timer(0.1, fcntl.flock, (looking, fcntl.LOCK_UN))
        unlock.start()
        with RunFolder(path) as folder:
            folder.resume()
        unlock.join()


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


@pytest.mark.parametrize(
    ("name", "run_id"),
    [
        ("my run", "my-run"),
        ("caf\u00e9?", "cafe"),
        ("cafe\u0301?", "cafe"),
        ("-_.x", "x"),
        ("\u05e8\u05d9\u05e6\u05d4", "run"),
        ("x" * 80, "x" * 64),
        ("a-", "a-"),
        ("null", "run"),
    ],
)
def test_run_in_a_folder_of_any_name_has_a_name_of_its_own(tmp_path: Path, name: str, run_id: str) -> None:
    """The run's name is part of every key and so holds fewer characters than a folder's may."""
    assert RunFolder(tmp_path / name).run_id == run_id


@pytest.mark.parametrize("name", ["\udcff", "a\tb", "a\nb", "\x1b[2J"])
def test_folder_whose_path_is_no_text_is_refused(tmp_path: Path, name: str) -> None:
    """It could be neither printed nor sent."""
    with pytest.raises(InvalidInputError, match="must be a path in UTF-8 without control characters"):
        RunFolder(tmp_path / name / "run")


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


def test_a_renamed_run_is_found_by_the_name_it_began_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pages still show that one; of two, the folder has to be named."""
    monkeypatch.chdir(tmp_path)
    begin(Path("runs/flip-1")).path.rename("runs/best")
    assert find_folder(Path("flip-1")).resolve() == tmp_path / "runs" / "best"
    shutil.copytree("runs/best", "runs/second best")
    with pytest.raises(
        ConfigError, match=r"began as flip-1: .*/runs/best, '.*/second best'; name the folder"
    ):
        find_folder(Path("flip-1"))


def test_a_locked_folder_knows_where_it_was_moved_to(tmp_path: Path) -> None:
    """And that it was deleted, also where another one has its name by now."""
    path, new = tmp_path / "run", tmp_path / "new"
    with RunFolder(path) as folder:
        folder.begin(make_config(folder))
        folder.check_is_in_place()
        path.rename(new)
        path.mkdir()
        with pytest.raises(FailedPreconditionError, match=rf"^run folder {path} was moved to {new} while"):
            folder.check_is_in_place()
        assert folder.path_now == new
        assert folder.open_command.endswith(f" open {new}")
        shutil.rmtree(new)
        with pytest.raises(FailedPreconditionError, match="was moved or deleted while"):
            folder.check_is_in_place()
        assert folder.path_now == Path("NEW")
