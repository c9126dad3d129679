"""A run's folder, object store and database are of one run, or it is not begun, trained on or opened."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from somersault.cli.__main__ import main
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.ownership import check_ownership, mark_started
from somersault.cli.run.store import open_run_store
from somersault.cli.start.resumption import resume_run
from somersault.cli.start.train_options import TrainOptions, begin_run, check_options
from somersault.errors import ConfigError, FailedPreconditionError, UnavailableError
from somersault.runs import load_run
from somersault.runs.database import read_identities
from somersault.runtime.urls import file_url
from somersault.storage import read_identity

TASK = "pendulum"
NAME = f"{TASK}-1"


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what else is checked before a run, which takes seconds and has tests of its own."""
    for module in ("train_options", "resumption"):
        monkeypatch.setattr(f"somersault.cli.start.{module}.check_run", lambda *_: None)


@pytest.fixture
def shared(tmp_path: Path) -> str:
    """Return a store that is in no run's folder, as one on S3."""
    return file_url(tmp_path / "bucket")


def _options(path: Path, **given: Any) -> TrainOptions:
    return TrainOptions(task=TASK, teacher="oracle", has_web=False, run_dir=path, **given)


def _begin(path: Path, url: str | None) -> RunConfig:
    """Begin a run, start it, have its labeler and its services leave what they leave, and end it."""
    with RunFolder(path) as folder:
        config = begin_run(_options(path, storage_url=url), folder)
        store = open_run_store(config)
        config = mark_started(config, folder, store=store, is_adopted=False)
        for kind in ("segments", "checkpoints/learner"):
            store.put(f"{config.run_id}/{kind}/1.safetensors", b"x")
        _leave_database(folder, {config.run_id: config.identity})
        folder.progress.write_text(json.dumps({"run/labels": 20, "run/env_steps": 9000}) + "\n")
    return config


def _go_on(path: Path, **given: Any) -> RunConfig:
    """Resume a run and start it, as `somersault train` does before its services."""
    with RunFolder(path) as folder:
        config, _ = resume_run(_options(path, is_resumed=True, **given), folder)
        is_adopted = bool(given.get("is_adopted"))
        return mark_started(config, folder, store=open_run_store(config), is_adopted=is_adopted)


def _open(path: Path) -> None:
    """Compare as `somersault open` does."""
    with RunFolder(path, command="open") as folder:
        config = folder.resume()
        check_ownership(config, folder, store=open_run_store(config), is_trained=False)


def _leave_database(folder: RunFolder, identities: dict[str, str]) -> None:
    folder.database.unlink(missing_ok=True)
    with closing(sqlite3.connect(folder.database)) as database, database:
        database.execute("CREATE TABLE runs (run_id TEXT PRIMARY KEY, identity TEXT)")
        database.executemany("INSERT INTO runs VALUES (?, ?)", identities.items())


def _make_older(path: Path) -> None:
    """Make of a run one that an older program began: without an identity anywhere."""
    config = path / "config.json"
    values = json.loads(config.read_text())
    for name in ("identity", "start_mark", "earlier_start_mark"):
        del values[name]
    config.write_text(json.dumps(values))
    with closing(sqlite3.connect(path / "labels.sqlite")) as database, database:
        database.execute("ALTER TABLE runs DROP COLUMN identity")
    with RunFolder(path) as folder:
        store = open_run_store(folder.read_config())
        store.delete(f"{NAME}/identity.json")


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("is_shared", [False, True])
def test_folder_store_and_database_hold_one_identity(shared: str, is_shared: bool, tmp_path: Path) -> None:
    """Which is drawn anew for each run."""
    config = _begin(tmp_path / NAME, shared if is_shared else None)
    said = read_identity(open_run_store(config), NAME)
    assert said is not None
    assert config.identity == said.identity == load_run(tmp_path / NAME).settings.identity
    assert read_identities(tmp_path / NAME / "labels.sqlite") == {NAME: config.identity}
    assert len(config.identity) == 32
    _go_on(tmp_path / NAME)
    _open(tmp_path / NAME)


def test_a_run_is_not_begun_among_anothers_objects(shared: str, tmp_path: Path) -> None:
    """Two runs with the default name and one bucket: the second isn't begun, and leaves no folder."""
    _begin(tmp_path / "here" / NAME, shared)
    before = _files(tmp_path)
    there = tmp_path / "there" / NAME
    with RunFolder(there) as folder, pytest.raises(FailedPreconditionError, match="another run") as caught:
        begin_run(_options(there, storage_url=shared), folder)
    assert all(word in str(caught.value) for word in (NAME, shared, "--run-dir", "prefix", "--storage-url"))
    assert _files(tmp_path) == before
    _begin(tmp_path / "there" / "another", shared)


def test_a_copy_does_not_train_on_where_another_did(shared: str, tmp_path: Path) -> None:
    """Both would write over each other's checkpoints. The copy that went on goes on; the other one can take over."""
    _begin(tmp_path / NAME, shared)
    shutil.copytree(tmp_path / NAME, tmp_path / "copy")
    _go_on(tmp_path / NAME)
    before = _files(tmp_path / "bucket")
    with pytest.raises(FailedPreconditionError, match=r"another copy of .*/copy has trained on") as caught:
        _go_on(tmp_path / "copy")
    assert "somersault clone" in str(caught.value)
    assert "--adopt" in str(caught.value)
    assert _files(tmp_path / "bucket") == before
    _open(tmp_path / "copy")
    _go_on(tmp_path / NAME)
    _go_on(tmp_path / "copy", is_adopted=True)
    _go_on(tmp_path / "copy")
    with pytest.raises(FailedPreconditionError, match=rf"another copy of .*/{NAME} has trained on"):
        _go_on(tmp_path / NAME)


def test_copies_on_files_are_independent(tmp_path: Path) -> None:
    """Each has its own objects: both go on, whoever does first."""
    _begin(tmp_path / NAME, None)
    shutil.copytree(tmp_path / NAME, tmp_path / "copy")
    for path in (NAME, "copy", NAME, "copy"):
        _go_on(tmp_path / path)


@pytest.mark.parametrize("damage", ["foreign", "gone"])
@pytest.mark.parametrize("is_shared", [False, True])
def test_a_store_that_is_not_the_runs_is_refused(
    shared: str, is_shared: bool, damage: str, tmp_path: Path
) -> None:
    """Named, with what to do, by all that read it; until it is adopted."""
    path = tmp_path / NAME
    store = open_run_store(_begin(path, shared if is_shared else None))
    key = f"{NAME}/identity.json"
    if damage == "gone":
        store.delete(key)
    else:
        store.put(key, json.dumps(json.loads(store.get(key)) | {"identity": "f" * 32}).encode())
    before = _files(path)
    for command in (_go_on, _open):
        with pytest.raises(FailedPreconditionError, match=r"^object store ") as caught:
            command(path)
        assert all(word in str(caught.value) for word in ("mount", "--storage-url", "--adopt"))
    with pytest.raises(FailedPreconditionError, match=r"^object store "):
        load_run(path).policy_versions()
    assert {name: data for name, data in _files(path).items() if name != ".lock"} == {
        name: data for name, data in before.items() if name != ".lock"
    }
    _go_on(path, is_adopted=True)
    _go_on(path)


@pytest.mark.parametrize("damage", ["foreign", "renamed", "gone", "empty"])
def test_a_database_that_is_not_the_runs_is_refused(
    damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Named, with what to do; its answers would be lost or somebody else's."""
    path = tmp_path / NAME
    identity = _begin(path, None).identity
    folder = RunFolder(path)
    if damage == "gone":
        folder.database.unlink()
    else:
        _leave_database(folder, {"foreign": {NAME: "f" * 32}, "renamed": {"other": identity}}.get(damage, {}))
    with pytest.raises(FailedPreconditionError, match=r"^database .*labels.sqlite ") as caught:
        _go_on(path)
    assert "--adopt" in str(caught.value)
    for command in (["open", str(path)], ["export", str(path), "--labels", "-"]):
        assert main(command) == 1
        told = str(caught.value).partition(";")[0]
        assert f"somersault: error: {told}; put this run's back" in capsys.readouterr().err
    _go_on(path, is_adopted=True)
    if damage == "foreign":
        assert read_identities(folder.database) == {NAME: identity}
        _go_on(path)


def test_a_run_stopped_before_anything_was_asked_has_no_database(tmp_path: Path) -> None:
    """And needs none to go on."""
    _begin(tmp_path / NAME, None)
    (tmp_path / NAME / "labels.sqlite").unlink()
    (tmp_path / NAME / "progress.jsonl").write_text(json.dumps({"run/labels": 0}) + "\n")
    _go_on(tmp_path / NAME)


@pytest.mark.parametrize("is_shared", [False, True])
def test_an_older_programs_run_gets_an_identity_where_it_goes_on(
    shared: str, is_shared: bool, tmp_path: Path
) -> None:
    """Silently; it can be opened and read before. A copy of it, made before, then finds the store taken."""
    path, copy = tmp_path / NAME, tmp_path / "copy"
    _begin(path, shared if is_shared else None)
    _make_older(path)
    shutil.copytree(path, copy)
    _open(path)
    load_run(path).policy_versions()
    config = _go_on(path)
    assert config.identity
    _go_on(path)
    _open(path)
    if is_shared:
        with pytest.raises(FailedPreconditionError, match="another run that is called"):
            _go_on(copy)
    else:
        _go_on(copy)


def test_an_older_programs_run_is_not_begun_anew_in_an_emptied_store(shared: str, tmp_path: Path) -> None:
    """It says no identity, but its answers are about segments that must be there."""
    _begin(tmp_path / NAME, shared)
    _make_older(tmp_path / NAME)
    shutil.rmtree(tmp_path / "bucket" / NAME)
    with pytest.raises(FailedPreconditionError, match="segments that it learned from are not in it"):
        _go_on(tmp_path / NAME)
    _go_on(tmp_path / NAME, is_adopted=True)


def test_objects_may_lie_elsewhere_when_a_run_goes_on(shared: str, tmp_path: Path) -> None:
    """A bucket that moved is named anew, and compared; where the objects are not, the run does not go on."""
    _begin(tmp_path / NAME, shared)
    elsewhere = file_url(tmp_path / "moved")
    with pytest.raises(FailedPreconditionError, match=r"^object store .*moved is not this run's"):
        _go_on(tmp_path / NAME, storage_url=elsewhere)
    shutil.copytree(tmp_path / "bucket", tmp_path / "moved", dirs_exist_ok=True)
    assert _go_on(tmp_path / NAME, storage_url=elsewhere).storage_url == elsewhere
    assert _go_on(tmp_path / NAME).storage_url == elsewhere


def test_adopt_is_for_a_run_that_goes_on() -> None:
    """A new one has nothing to take over."""
    with pytest.raises(ConfigError, match="--adopt needs --resume"):
        check_options(TrainOptions(task=TASK, is_adopted=True))


class _PowerCutError(UnavailableError):
    """Ends a start where it is."""


class _Cut:
    """Counts what is written to folder and store, and cuts the power before or after one of these."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, at: int, is_after: bool) -> None:
        self.num_writes, self._at, self._is_after = 0, at, is_after
        store_config = RunFolder.store_config
        monkeypatch.setattr(RunFolder, "store_config", lambda *args: self._write(lambda: store_config(*args)))

    def watched(self, store: Any) -> Any:
        """Return the store with its writes counted."""
        put, cut = store.put, self

        class Watched:
            def __getattr__(self, name: str) -> Any:
                return getattr(store, name)

            def put(self, *args: Any) -> Any:
                return cut._write(lambda: put(*args))

        return Watched()

    def _write(self, write: Any) -> Any:
        self.num_writes += 1
        if self.num_writes == self._at and not self._is_after:
            raise _PowerCutError
        result = write()
        if self.num_writes == self._at:
            raise _PowerCutError
        return result


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("kind", ["new", "again", "older"])
def test_a_start_that_is_cut_off_anywhere_can_be_repeated(
    kind: str, at: int, is_after: bool, shared: str, tmp_path: Path
) -> None:
    """Once or twice, of a new run, one that went on and one of an older program; a copy made before is still found out."""
    path = tmp_path / NAME
    if kind == "new":
        with RunFolder(path) as folder:
            begin_run(_options(path, storage_url=shared), folder)
    else:
        _begin(path, shared)
    if kind == "older":
        _make_older(path)
    shutil.copytree(path, tmp_path / "copy")
    for _ in range(2):
        with pytest.MonkeyPatch.context() as patch, RunFolder(path) as folder:
            config, _ = resume_run(_options(path, is_resumed=True), folder)
            cut = _Cut(patch, at=at, is_after=is_after)
            with pytest.raises(_PowerCutError):
                mark_started(config, folder, store=cut.watched(open_run_store(config)), is_adopted=False)
            assert cut.num_writes == at
    _go_on(path)
    _go_on(path)
    if kind != "new":
        with pytest.raises(FailedPreconditionError):
            _go_on(tmp_path / "copy")


def test_a_store_that_forgot_all_is_found_out_after_the_first_start(shared: str, tmp_path: Path) -> None:
    """Only a first start that was cut off may find nothing there."""
    config = _begin(tmp_path / NAME, shared)
    assert config.earlier_start_mark == config.start_mark
    shutil.rmtree(tmp_path / "bucket" / NAME)
    with pytest.raises(FailedPreconditionError, match="is not this run's"):
        _go_on(tmp_path / NAME)
    assert dataclasses.replace(config) == RunFolder(tmp_path / NAME).read_config()
