"""The store that is one run's own folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from somersault import errors
from somersault.runtime.urls import run_folder_url
from somersault.storage import ObjectStore, open_store
from tests.somersault.storage.test_contract import BAD_KEYS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run called ``run``."""
    path = tmp_path / "another name"
    path.mkdir()
    return path


@pytest.fixture
def store(folder: Path) -> ObjectStore:
    """Its store."""
    return open_store(run_folder_url(folder, run_id="run"))


def test_keys_of_the_run_lead_into_its_folder(store: ObjectStore, folder: Path) -> None:
    """Objects are put, described, listed, read and deleted under the run's name."""
    store.check()
    stored = store.put("run/segments/a", b"x")
    store.put("run/policies/b", b"y")
    assert (stored.key, store.get("run/segments/a", expect_sha256=stored.sha256)) == ("run/segments/a", b"x")
    assert (folder / "segments" / "a").read_bytes() == b"x"
    assert store.exists("run/segments/a")
    for prefix, expected in {
        "": ["run/policies/b", "run/segments/a"],
        "ru": ["run/policies/b", "run/segments/a"],
        "run/": ["run/policies/b", "run/segments/a"],
        "run/seg": ["run/segments/a"],
        "run/x/": [],
    }.items():
        assert list(store.list(prefix)) == expected
    store.delete("run/segments/a")
    assert not store.exists("run/segments/a")


@pytest.mark.parametrize("key", [*BAD_KEYS, "run", "run/", "run/../x", "other/segments/a", "run2/a", "runs"])
def test_keys_of_others_are_refused(store: ObjectStore, folder: Path, key: str) -> None:
    """Nothing of another run is looked for in this folder."""
    for call in (
        lambda: store.put(key, b"x"),
        lambda: store.get(key),
        lambda: store.exists(key),
        lambda: store.delete(key),
    ):
        with pytest.raises(errors.InvalidInputError, match="object key"):
            call()
    assert not list(folder.iterdir())


def test_listing_another_run_is_refused(store: ObjectStore) -> None:
    """An empty list would say that it has nothing."""
    with pytest.raises(errors.InvalidInputError, match=r"object prefix is 'other/', must be .*'run/'"):
        store.list("other/")


def test_folder_that_was_moved_away_is_not_made_anew(store: ObjectStore, folder: Path) -> None:
    """What is written after that would be lost to the run."""
    shutil.move(folder, folder.with_name("moved"))
    again = open_store(run_folder_url(folder, run_id="run"))
    for one in (store, again):
        with pytest.raises(errors.UnavailableError, match="another name is gone"):
            one.put("run/a", b"x")
    assert not folder.exists()


def test_folder_may_be_a_link_and_lie_behind_one(folder: Path, tmp_path: Path) -> None:
    """Runs are kept on larger disks."""
    (tmp_path / "disk").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "disk" / folder.name)
    store = open_store(run_folder_url(tmp_path / "link", run_id="run"))
    store.check()
    store.put("run/a/b", b"x")
    assert (folder / "a" / "b").read_bytes() == b"x"
    assert list(store.list("run/")) == ["run/a/b"]
