"""Runs whose objects are on S3: moved, renamed, cloned and gone on with; copied, named alike and taken over."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from somersault.cli.services.ports import choose_ports
from somersault.runs import load_run, read_label_rows
from somersault.storage import ObjectStore, open_store
from tests.e2e.runs import train
from tests.somersault.storage.conftest import ACCESS_KEY, SECRET_KEY, StoreServer

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(1200)]

NAME = "pendulum-1"
_STEPS, _LABELS = 20_000, 6  # of each life


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreServer]:
    """Serve S3 from a disk, with keys that every command here has."""
    (tmp_path / "s3").mkdir()
    (port,) = choose_ports(1)
    command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3"]
    command += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--addr", f"127.0.0.1:{port}", "--config", ""]
    server = StoreServer([*command, str(tmp_path / "s3")], port, tmp_path / "s3.log")
    monkeypatch.setenv("SOMERSAULT_STORAGE_ACCESS_KEY", ACCESS_KEY)
    monkeypatch.setenv("SOMERSAULT_STORAGE_SECRET_KEY", SECRET_KEY)
    server.start()
    yield server
    server.kill()


def _live(folder: Path, life: int, *arguments: str) -> None:
    """One life of a run to its end: steps and labels are added, and every answer is learned from."""
    labels, steps = _LABELS * life, _STEPS * life
    given = ("--teacher", "oracle", "--labels", str(labels), "--steps", str(steps), *arguments)
    with train(folder, *given, task="pendulum") as run:
        summary = run.finish(timeout_s=300)
    assert len(run.log_rows()) == summary["labels"] == labels, f"{summary} {run.logs()}"
    assert summary["lost_comparisons"] == 0
    assert summary["env_steps"] >= steps
    assert not (folder / "segments").exists()
    run_now = load_run(folder)
    stored = {Path(key).stem for key in run_now.segment_keys()}
    rows = read_label_rows(run_now)
    assert stored >= {segment for row in rows for segment in (row.left_segment_id, row.right_segment_id)}


def _go_on(folder: Path, life: int, *arguments: str, store: ObjectStore | None = None) -> None:
    """A life that begins at the checkpoint of the one before, which is in ``store`` if that isn't where it was."""
    log = folder / "logs" / "learner.log"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    newest = max((store or load_run(folder).store).list(f"{NAME}/checkpoints/learner/"))
    _live(folder, life, "--resume", *arguments)
    restored = [line for line in log.read_text().splitlines()[before:] if "restored" in line]
    assert f'"env_steps": {int(Path(newest).stem)}' in restored[0]


def _refused(*arguments: str) -> tuple[str, float]:
    """Run a command that must refuse; return its line and how many seconds it took."""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "somersault.cli", *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0, done.stdout
    return done.stderr.strip().splitlines()[-1], time.monotonic() - began


def _objects(store: ObjectStore) -> dict[str, bytes]:
    return {key: store.get(key) for key in store.list("")}


def _resume(folder: Path) -> tuple[str, ...]:
    return ("train", "pendulum", "--run-dir", str(folder), "--no-web", "--resume", "--steps", "90000")


def test_run_on_s3_goes_on_wherever_its_folder_is(server: StoreServer, tmp_path: Path) -> None:
    """Moved, renamed, cloned to S3 and back to a folder, and with its bucket moved: with each answer, from its checkpoint."""
    url = server.url("bucket/prefix", create="true")
    first = tmp_path / "runs" / NAME
    _live(first, 1, "--storage-url", url)
    moved = Path(shutil.move(first, tmp_path / "elsewhere"))
    _go_on(moved, 2)
    bucket = open_store(url, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    before = {key: data for key, data in _objects(bucket).items() if key.startswith(f"{NAME}/")}

    command = [sys.executable, "-m", "somersault.cli", "clone", str(moved), str(tmp_path / "more"), "--json"]
    made = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert "/bucket/prefix/more?" in made["storage_url"]
    assert made["labels"] == 2 * _LABELS
    _go_on(tmp_path / "more", 3)
    command[-3:-1] = [str(tmp_path / "more"), str(tmp_path / "in folder")]
    subprocess.run([*command, "--in-folder"], capture_output=True, check=True)
    assert (tmp_path / "in folder" / "segments").is_dir()
    assert {key: data for key, data in _objects(bucket).items() if key.startswith(f"{NAME}/")} == before

    url = server.url("another/prefix", create="true")
    another = open_store(url, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    for key, data in before.items():
        another.put(key, data)
        bucket.delete(key)
    line, _ = _refused(*_resume(moved))
    assert f"is not this run's: {NAME}/identity.json is not in it" in line
    _go_on(moved, 3, "--storage-url", url, store=another)
    _go_on(moved, 4)


def test_two_runs_of_one_name_and_copies_of_one_folder_stay_apart(
    server: StoreServer, tmp_path: Path
) -> None:
    """Whoever would take another's objects for its own is told so before anything starts, and nothing is stored."""
    url = server.url("bucket", create="true")
    here, copy = tmp_path / "here" / NAME, tmp_path / "copy"
    _live(here, 1, "--storage-url", url)
    bucket = open_store(url, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    before = _objects(bucket)
    there = tmp_path / "there" / NAME
    begin = (
        "train",
        "pendulum",
        "--teacher",
        "oracle",
        "--run-dir",
        str(there),
        "--no-web",
        "--storage-url",
        url,
    )
    line, took_s = _refused(*begin)
    assert f"holds objects of another run that is called {NAME} too" in line
    assert not there.exists()
    assert took_s < 30
    assert _objects(bucket) == before

    shutil.copytree(here, copy)
    _go_on(here, 2)
    before = _objects(bucket)
    line, took_s = _refused(*_resume(copy))
    assert f"another copy of {copy} has trained on" in line
    assert took_s < 30
    assert _objects(bucket) == before
    # It has fewer answers than the checkpoint that it takes over: those that it gets now are learned all the same.
    _live(copy, 3, "--resume", "--adopt")
    line, _ = _refused(*_resume(here))
    assert f"another copy of {here} has trained on" in line
