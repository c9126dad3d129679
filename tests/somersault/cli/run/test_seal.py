"""What of a run's files the learner and the reward service may open, as the run itself starts them.

Kind: one service's files of a run, open to another.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from somersault.cli.run.folder import RunFolder
from somersault.cli.run.seal import SEALED_SERVICES, seal_of
from somersault.cli.services.certificates import certificates_of, write_certificates
from somersault.cli.services.processes import names_of_services, plan_processes
from somersault.domain import keys
from somersault.processes import landlock
from somersault.processes.launch import launch_command
from somersault.storage import open_store
from tests.somersault.cli.conftest import make_config

needs_landlock = pytest.mark.skipif(bool(landlock.why_not()), reason=landlock.why_not())

_TRIES = """
import json, sys
from somersault.errors import PermissionDeniedError
from somersault.storage import open_store
url, puts, gets, files = json.loads(sys.argv[1])
store = open_store(url)
def attempt(work):
    try:
        work()
    except (PermissionDeniedError, PermissionError):
        return False
    return True
is_open = attempt(store.check)
print(json.dumps({
    "put": [key for key in puts if attempt(lambda: store.put(key, b"new"))],
    "get": [key for key in gets if attempt(lambda: store.get(key))],
    "open": [path for path in files if attempt(lambda: open(path).close())],
    "may use the store": is_open,
}))
"""
_WAIT = """
import sys
from somersault.storage import open_store
print("begun", flush=True)
sys.stdin.readline()
"""
_FILES = ("tokens.json", "labels.sqlite", "labels.sqlite-wal", "labels.sqlite.key", "config.json")
_NAMES = ("learner", "reward", "owner", "labeler", "web")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A folder without a run, beside a task of one's own."""
    (tmp_path / "task.py").touch()
    return RunFolder(tmp_path / "run")


def _objects(run: str) -> dict[str, str]:
    return {
        "sealed": keys.sealed_key(run, "s"),
        "segment": keys.segment_key(run, "s"),
        "clip": keys.clip_key(run, "s"),
        "policy": keys.policy_key(run, 1),
        "identity": keys.identity_key(run),
        "of learner": f"{keys.checkpoints_prefix(run, 'learner')}x",
        "of reward": f"{keys.checkpoints_prefix(run, 'reward')}x",
    }


def _use_all(folder: RunFolder, name: str, *, storage_url: str) -> dict[str, list[str] | bool]:
    """Return what a process that is started as a service can do of everything."""
    config = make_config(folder, storage_url=storage_url, has_web=True)
    folder.begin(config)
    write_certificates(folder.certificates, run_id=config.run_id, names=names_of_services(config))
    for path in _FILES:
        (folder.path / path).touch()
    objects = _objects(config.run_id)
    store = open_store(config.storage_url)
    for key in objects.values():
        store.put(key, b"there")
    ports = dict.fromkeys(names_of_services(config), 1)
    seal = next(one.seal for one in plan_processes(config, folder, ports=ports) if one.name == name)
    assert seal is not None
    files = [folder.path / path for path in _FILES]
    files += [certificates_of(folder.certificates, one) / "tls.key" for one in _NAMES]
    files += [folder.path.parent / "task.py"]
    told = json.dumps(
        [config.storage_url, list(objects.values()), list(objects.values()), [*map(str, files)]]
    )
    command = launch_command([sys.executable, "-c", _TRIES, told], seal=seal.as_text())
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    known = {key: short for short, key in objects.items()}
    return results | {
        "put": [known[key] for key in results["put"]],
        "get": [known[key] for key in results["get"]],
        "open": [str(Path(one).relative_to(folder.path.parent)) for one in results["open"]],
    }


@needs_landlock
@pytest.mark.parametrize("place", ["in the run's folder", "in a folder of runs"])
def test_the_learner(folder: RunFolder, tmp_path: Path, place: str) -> None:
    """It makes policies and its checkpoints, and sees neither true rewards nor labels."""
    elsewhere = (tmp_path / "store").as_uri()
    url = folder.storage_url if place == "in the run's folder" else elsewhere
    assert _use_all(folder, "learner", storage_url=url) == {
        "put": ["policy", "of learner"],
        "get": ["identity", "of learner"],
        "open": ["run/certificates/learner/tls.key", "task.py"],
        "may use the store": True,
    }


@needs_landlock
def test_the_reward_service(folder: RunFolder) -> None:
    """It reads segments and makes its checkpoints."""
    assert _use_all(folder, "reward", storage_url=folder.storage_url) == {
        "put": ["of reward"],
        "get": ["segment", "identity", "of reward"],
        "open": ["run/certificates/reward/tls.key", "task.py"],
        "may use the store": True,
    }


@needs_landlock
def test_the_pages(folder: RunFolder) -> None:
    """Who serves strangers has no files of the run: what they may see comes through the labeler, with a token."""
    assert _use_all(folder, "web", storage_url=folder.storage_url) == {
        "put": [],
        "get": [],
        "open": ["run/certificates/web/tls.key", "task.py"],
        "may use the store": False,
    }


@needs_landlock
@pytest.mark.parametrize("name", ["learner", "reward"])
def test_folders_that_others_make_later(folder: RunFolder, name: str) -> None:
    """A new run has no objects yet: what comes after the services' start is open to them all the same."""
    config = make_config(folder)
    folder.begin(config)
    store, run = open_store(config.storage_url), config.run_id
    readable = {
        "learner": f"{keys.checkpoints_prefix(run, 'learner')}x",
        "reward": keys.segment_key(run, "s"),
    }
    seal = seal_of(name, config, folder)
    assert seal is not None
    script = f"{_WAIT}print(open_store(sys.argv[1]).get(sys.argv[2]).decode())"
    command = [sys.executable, "-c", script, config.storage_url, readable[name]]
    with subprocess.Popen(
        launch_command(command, seal=seal.as_text()), stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        store.put(readable[name], b"later")
        output, errors = process.communicate("go on\n", timeout=60)
    assert output == "later\n", errors


def test_objects_elsewhere(folder: RunFolder) -> None:
    """With a store on a network the run's folder is closed but for the certificates."""
    seal = seal_of("learner", make_config(folder, storage_url="s3://host/bucket"), folder)
    assert seal is not None
    assert seal.closed == (str(folder.path),)
    assert seal.readable == (str(folder.certificates / "learner"),)
    assert seal.writable == ()


def test_the_others_are_held_to_nothing(folder: RunFolder) -> None:
    """They hold the true rewards or the labels themselves, or have an own one's code to run."""
    names = ("simulator", "labeler", "teacher")
    assert [seal_of(name, make_config(folder), folder) for name in names] == [None] * 3


def test_the_pair_that_browsers_are_shown_may_lie_in_the_run(folder: RunFolder) -> None:
    """The pages' service reads it, and no other."""
    pair = {"tls_certificate": str(folder.path / "c.pem"), "tls_key": str(folder.path / "k.pem")}
    config = make_config(folder, **pair)
    seals = {name: seal_of(name, config, folder) for name in SEALED_SERVICES}
    read = {name for name, seal in seals.items() if seal is not None and {*pair.values()} <= {*seal.readable}}
    assert read == {"web"}


def test_without_landlock_services_start_as_ever(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked to hold to a seal; `train` and `doctor` say so."""
    monkeypatch.setattr(landlock, "why_not", lambda: "too old")
    config = make_config(folder)
    folder.begin(config)
    assert {
        one.seal
        for one in plan_processes(
            config, folder, ports={"learner": 1, "reward": 2, "labeler": 3, "simulator": 4}
        )
    } == {None}
