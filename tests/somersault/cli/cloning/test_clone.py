"""A clone has all that the run has, shares nothing with it, and is there whole or not at all."""

from __future__ import annotations

import functools
import hashlib
import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.labeler.database import migrate
from somersault.cli.__main__ import main
from somersault.cli.cloning import clone as cloning
from somersault.cli.cloning.clone import CloneOptions, clone
from somersault.cli.cloning.contents import copy_objects
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.ownership import check_ownership, mark_started
from somersault.cli.run.store import open_run_store
from somersault.cli.start.resumption import resume_run
from somersault.cli.start.train_options import TrainOptions, begin_run
from somersault.errors import AlreadyExistsError, FailedPreconditionError, NotFoundError, UnavailableError
from somersault.runs import load_run
from somersault.runs.database import read_identities
from somersault.runtime.urls import file_url, sqlite_url
from somersault.storage import read_identity
from somersault.storage.folder import FolderStore

NAME = "pendulum-1"
OBJECTS = ("segments/s1.safetensors", "sealed/s1.safetensors", "clips/s1.mp4", "policy-clips/00000001.mp4")
OBJECTS += ("policies/00000001.safetensors", "checkpoints/learner/000000000001.safetensors")


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what else is checked before a run, which takes seconds and has tests of its own."""
    for module in ("train_options", "resumption"):
        monkeypatch.setattr(f"somersault.cli.start.{module}.check_run", lambda *_: None)


def _options(path: Path, **given: Any) -> TrainOptions:
    return TrainOptions(task="pendulum", teacher="oracle", has_web=False, run_dir=path, **given)


def _make(path: Path, url: str | None) -> RunConfig:
    """Leave a run as a life of its services leaves it."""
    with RunFolder(path) as folder:
        config = begin_run(_options(path, storage_url=url), folder)
        store = open_run_store(config)
        config = mark_started(config, folder, store=store, is_adopted=False)
        for key in OBJECTS:
            store.put(f"{NAME}/{key}", key.encode())
        _make_database(folder, config.identity)
        folder.progress.write_text(json.dumps({"run/labels": 0, "run/env_steps": 9000}) + "\n")
        folder.summary.write_text(
            json.dumps({"run_dir": str(path), "video": f"{path}/policy.mp4", "web_url": "x"})
        )
        folder.video.write_bytes(b"video")
        folder.curves.mkdir()
        (folder.curves / "events").write_bytes(b"events")
        (folder.logs / "learner.log").write_text("a line\n")
        folder.addresses.write_text("{}")
        (path / "tracking.json").write_text('{"mlflow": "a-run"}')
    return config


@functools.cache
def _empty_database() -> bytes:
    """Return a database with all tables, made once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.sqlite"
        engine = sa.create_engine(sqlite_url(path))
        migrate.to_head(engine)
        engine.dispose()
        return path.read_bytes()


def _make_database(folder: RunFolder, identity: str) -> None:
    folder.database.write_bytes(_empty_database())
    with closing(sqlite3.connect(folder.database)) as database, database:
        database.execute(
            "INSERT INTO runs (run_id, task, question, newest_cursor, created_ms, identity)"
            " VALUES (?, 'pendulum', 'Which?', 0, 1, ?)",
            (NAME, identity),
        )
        digest = hashlib.sha256(b"ada's token").hexdigest()
        database.execute(
            "INSERT INTO labelers (labeler_id, name, role, token_sha256, created_ms) VALUES ('ada', 'Ada', 'labeler', ?, 1)",
            (digest,),
        )
        database.execute(
            "INSERT INTO webhooks (webhook_id, run_id, url, secret, created_ms) VALUES ('w', ?, 'https://a.example', 's', 1)",
            (NAME,),
        )


def _all_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _rows(folder: RunFolder, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder.database)) as database:
        return database.execute(query).fetchall()


@pytest.fixture(params=["folder", "store", "to store", "to folder"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str | None, dict[str, Any]]:
    """Return where a run's objects are, and how the clone is told where its own are to go."""
    url = file_url(tmp_path / "bucket")
    return {
        "folder": (None, {}),
        "store": (url, {}),
        "to store": (None, {"storage_url": url}),
        "to folder": (url, {"is_in_folder": True}),
    }[request.param]


def test_a_clone_has_everything_and_shares_nothing(
    places: tuple[str | None, dict[str, Any]], tmp_path: Path
) -> None:
    """Objects, answers, curves and results; another identity and other tokens. The run is as it was, byte for byte."""
    url, how = places
    path, new = tmp_path / "runs" / NAME, tmp_path / "runs" / "more"
    config = _make(path, url)
    before = _all_of(path), _all_of(tmp_path / "bucket")
    made = clone(CloneOptions(run=path, new=new, **how))
    assert (made["run"], made["run_id"], made["objects"]) == (str(new), NAME, len(OBJECTS))
    assert _all_of(path) == before[0]
    assert {key: data for key, data in _all_of(tmp_path / "bucket").items() if key in before[1]} == before[1]

    original, copy = RunFolder(path), RunFolder(new)
    settings = copy.read_config()
    store = open_run_store(settings)
    assert {
        key.removeprefix(f"{NAME}/"): store.get(key)
        for key in store.list(f"{NAME}/")
        if key.split("/")[1] in {key.split("/")[0] for key in OBJECTS}
    } == {key: key.encode() for key in OBJECTS}
    said = read_identity(store, NAME)
    assert said is not None
    assert said.identity == settings.identity == made["identity"] != config.identity
    assert read_identities(copy.database) == {NAME: settings.identity}
    assert set(copy.read_tokens().values()).isdisjoint(original.read_tokens().values())
    assert copy.tokens.stat().st_mode & 0o077 == 0
    assert _rows(copy, "SELECT count(*) FROM webhooks") == [(0,)]
    assert _rows(copy, "SELECT labeler_id FROM labelers WHERE token_sha256 LIKE 'none-%'") == [("ada",)]
    assert copy.progress.read_bytes() == original.progress.read_bytes()
    assert (copy.curves / "events").read_bytes() == b"events"
    assert json.loads(copy.summary.read_text()) == {
        "run_dir": str(new),
        "video": f"{new}/policy.mp4",
        "web_url": "",
    }
    for name in ("addresses.json", "tracking.json", "logs/learner.log", ".lock"):
        assert not (new / name).exists(), name
    assert sorted(each.name for each in new.parent.iterdir()) == ["more", NAME]


def test_both_go_on_whoever_does_first(places: tuple[str | None, dict[str, Any]], tmp_path: Path) -> None:
    """Neither finds a mark of the other's; what one stores the other does not have."""
    url, how = places
    path, new = tmp_path / NAME, tmp_path / "more"
    _make(path, url)
    clone(CloneOptions(run=path, new=new, **how))
    for each in (new, path, new):
        with RunFolder(each) as folder:
            config, _ = resume_run(_options(each, is_resumed=True), folder)
            store = open_run_store(config)
            mark_started(config, folder, store=store, is_adopted=False)
            store.put(f"{NAME}/policies/of-{each.name}", b"x")
    assert len(load_run(path).policy_versions()) == 1
    with RunFolder(path) as folder:
        config = folder.resume()
        store = open_run_store(config)
        check_ownership(config, folder, store=store, is_trained=True)
        assert f"{NAME}/policies/of-more" not in list(store.list(f"{NAME}/"))
    clone(CloneOptions(run=new, new=tmp_path / "again"))


@pytest.mark.parametrize("failing", ["put", "database", "rename"])
def test_a_clone_that_fails_leaves_nothing(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a folder nor an object, and the run as it was."""
    _make(tmp_path / NAME, file_url(tmp_path / "bucket"))
    before = _all_of(tmp_path)
    put, num_put = FolderStore.put, 0

    def fail(*_: Any, **__: Any) -> None:
        raise UnavailableError("gone")

    def put_some(*args: Any) -> Any:
        nonlocal num_put
        num_put += 1
        return put(*args) if num_put < 5 else fail()

    with monkeypatch.context() as patch:
        if failing == "put":
            patch.setattr(FolderStore, "put", put_some)
        elif failing == "database":
            patch.setattr(cloning, "copy_database", fail)
        else:
            patch.setattr(cloning, "write_identity", fail)
        with pytest.raises(UnavailableError):
            clone(CloneOptions(run=tmp_path / NAME, new=tmp_path / "more"))
    assert _all_of(tmp_path) == before
    clone(CloneOptions(run=tmp_path / NAME, new=tmp_path / "more"))


@pytest.mark.parametrize("how", ["to store", "to folder"])
def test_what_a_killed_clone_left_is_removed_by_the_next(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its hidden folder and its objects; not while it is still being made."""
    path, url = tmp_path / NAME, file_url(tmp_path / "bucket")
    _make(path, None)
    new = tmp_path / "new" / "more"
    options = CloneOptions(run=path, new=new, **({"storage_url": url} if how == "to store" else {}))

    def clone_again_and_be_killed(*_: Any) -> int:
        next(iter(copy_objects(*_)))
        if how == "to store":
            with pytest.raises(FailedPreconditionError, match="or is being made now; name another place"):
                clone(options)
        assert len(list(new.parent.iterdir())) == 1  # that one did not take it for dead
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # a killed process runs none of these
        patch.setattr(cloning, "_copy_shown", clone_again_and_be_killed)
        patch.setattr(cloning, "remove_objects", lambda *_: None)
        patch.setattr(cloning.shutil, "rmtree", lambda *_: None)
        with pytest.raises(KeyboardInterrupt):
            clone(options)
    assert len(list(new.parent.iterdir())) == 1
    clone(options)
    assert list(new.parent.iterdir()) == [new]
    store = open_run_store(RunFolder(new).read_config())
    assert f"{NAME}/unfinished-clone.json" not in list(store.list(f"{NAME}/"))
    with pytest.raises(AlreadyExistsError):
        clone(options)


def test_objects_that_no_killed_clone_here_left_are_not_removed(tmp_path: Path) -> None:
    """Of another run, or of a clone made elsewhere: what to do is said in the command's own options."""
    path, url = tmp_path / NAME, file_url(tmp_path / "bucket")
    _make(path, None)
    store = FolderStore(tmp_path / "bucket")
    store.put(f"{NAME}/unfinished-clone.json", json.dumps({"identity": "f" * 32}).encode())
    before = _all_of(tmp_path)
    with pytest.raises(
        FailedPreconditionError, match=f"a clone that was interrupted.* below {NAME}/ there"
    ) as caught:
        clone(CloneOptions(run=path, new=tmp_path / "more", storage_url=url))
    assert "--run-dir" not in str(caught.value)
    assert _all_of(tmp_path) == before


def test_what_cannot_be_cloned_is_refused(tmp_path: Path) -> None:
    """A run that somebody works with, none, one onto something, one whose store is not its own."""
    path, url = tmp_path / NAME, file_url(tmp_path / "bucket")
    _make(path, url)
    options = CloneOptions(run=path, new=tmp_path / "more")
    with RunFolder(path) as folder:
        folder.resume()
        with pytest.raises(FailedPreconditionError, match="in use by another somersault train"):
            clone(options)
    with pytest.raises(NotFoundError, match="no run in"):
        clone(CloneOptions(run=tmp_path / "none", new=tmp_path / "more"))
    with pytest.raises(AlreadyExistsError, match="exists already"):
        clone(CloneOptions(run=path, new=tmp_path / "bucket"))
    with pytest.raises(FailedPreconditionError, match="holds objects of another run"):
        clone(CloneOptions(run=path, new=tmp_path / "more", storage_url=url))
    open_run_store(RunFolder(path).read_config()).delete(f"{NAME}/identity.json")
    with pytest.raises(
        FailedPreconditionError, match=r"object store .* is not this run's.*train it with --resume --adopt"
    ):
        clone(options)
    assert not (tmp_path / "more").exists()


def test_the_command_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In words, or as one JSON object, which a refusal is too."""
    _make(tmp_path / NAME, None)
    assert main(["clone", str(tmp_path / NAME), str(tmp_path / "one")]) == 0
    said = capsys.readouterr().out
    assert f"{tmp_path}/one: a copy of {tmp_path}/{NAME} that has its own 6 objects" in said
    assert f"train pendulum --run-dir {tmp_path}/one --resume" in said
    assert main(["clone", str(tmp_path / NAME), str(tmp_path / "two"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == str(tmp_path / "two")
    assert main(["clone", str(tmp_path / NAME), str(tmp_path / "two"), "--json"]) == 1
    assert "exists already" in json.loads(capsys.readouterr().out)["error"]
