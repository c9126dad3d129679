"""Folders of every name: each service opens the store and the database that lie in them, and nothing beside them.

The names are made, not listed: each printable character alone, first, within and last, what URLs take for escapes, and
the forms of Unicode.
"""

from __future__ import annotations

import os
import shlex
import shutil
import string
import unicodedata
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import sqlalchemy as sa
from rich.console import Console

from services.labeler.config import LabelerConfig
from services.labeler.database.engine import open_database
from services.learner.config import LearnerConfig
from services.reward.config import RewardConfig
from services.simulator.config import SimulatorConfig
from services.teacher.config import TeacherConfig
from somersault.cli.monitoring.display import print_line
from somersault.cli.run.folder import RunFolder
from somersault.cli.runs_page.convert import clip_to_message
from somersault.cli.services.processes import plan_processes
from somersault.runs import find_runs
from somersault.runs.database import open_database as read_database
from somersault.runs.policy_clips import StoredClip
from somersault.runtime.config import ServiceConfig, load_config
from somersault.runtime.urls import file_url, path_of_file_url, sqlite_url
from somersault.storage import open_store
from tests.somersault.cli.conftest import make_config

SERVICES: dict[str, type[ServiceConfig]] = {
    "simulator": SimulatorConfig,
    "learner": LearnerConfig,
    "reward": RewardConfig,
    "labeler": LabelerConfig,
    "teacher": TeacherConfig,
}
PRINTABLE = {" ", *string.ascii_letters, *string.digits, *string.punctuation} - {"/"}
PORTS = {name: number for number, name in enumerate(SERVICES, start=1)}


def _names() -> Iterator[str]:
    """Every name that a folder is tried with."""
    printable = sorted(PRINTABLE)
    for character in printable:
        yield f"a{character}b"
        yield f"{character}b"
        yield f"a{character}"
        yield character * 3
        yield f"%{ord(character):02x}"  # what stands for it in a URL
    yield from (
        "a?run=b",
        "a#b?c",
        "%%",
        "%zz",
        "a&b=c;d",
        "$HOME `x` $(x)",
        "[b]x",
        ":fire:",
        "--resume",
        "~",
        "null",
    )
    for word in ("caf\u00e9", "\u00c5ngstr\u00f6m", "\ud55c\uad6d\uc5b4", "\ufb01ne \u2460"):
        yield from {unicodedata.normalize(form, word) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    yield from (
        "\U0001f938\u200d\u2642\ufe0f",
        "\u05e8\u05d9\u05e6\u05d4",
        "\u202eabc",
        "\u00a0x\u3000",
        "\u2028",
        "\ud7ff\U0010fffd",
    )
    yield "\u00e9" * 127  # 254 bytes of the 255 that file systems take


NAMES = sorted(set(_names()))
AWFUL = [
    "null",
    f" {''.join(sorted(PRINTABLE))}",
    " %2e%2e%2fx?mode=memory#' ",
    unicodedata.normalize("NFD", "\u00e9\u202e\U0001f938"),
]


def failures(check: Callable[[str], None]) -> dict[str, str]:
    """What a check says of each name that doesn't pass it."""
    found: dict[str, str] = {}
    for name in NAMES:
        try:
            check(name)
        except Exception as error:
            found[name] = f"{type(error).__name__}: {error}"
    return found


def ways_to(name: str, tmp_path: Path) -> list[Path]:
    """A folder of that name, a link of that name to it, and the folder behind a link of that name."""
    folder = tmp_path / "real" / name
    folder.mkdir(parents=True)
    ways = [folder]
    for kind, path, target in (("link", name, folder), ("above", f"{name}/{name}", folder.parent)):
        link = tmp_path / kind / name
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(target)
        ways.append(tmp_path / kind / path)
    return ways


def everything_in(folder: Path) -> set[str]:
    """The names in a folder."""
    return {path.name for path in folder.iterdir()}


def test_urls_lead_back_to_their_path(tmp_path: Path) -> None:
    """A file's and a database's, as their readers take them apart."""

    def check(name: str) -> None:
        path = tmp_path / name
        assert path_of_file_url(file_url(path)) == path
        assert sa.make_url(sqlite_url(path)).database == str(path)
        assert file_url(path).isascii()

    assert not failures(check)


def test_store_lies_in_the_run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through links too, and nothing appears beside it."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # durable is what others try; here it takes seconds

    def check(name: str) -> None:
        ways = ways_to(name, tmp_path)
        url = RunFolder(ways[0]).storage_url
        run_id = RunFolder(ways[0]).run_id
        assert [RunFolder(way).run_id for way in ways] == [run_id] * 3
        open_store(url).put(f"{run_id}/o", name.encode())
        for way in ways:
            store = open_store(RunFolder(way).storage_url)
            assert store.get(f"{run_id}/o") == name.encode()
            assert list(store.list(f"{run_id}/")) == [f"{run_id}/o"]
        assert everything_in(ways[0]) == {"o"}

    assert not failures(check)
    assert everything_in(tmp_path) == {"real", "link", "above"}
    assert everything_in(tmp_path / "real") == everything_in(tmp_path / "link") == set(NAMES)


def test_database_lies_in_the_run_folder(tmp_path: Path) -> None:
    """What the labeler's library writes, readers of finished runs read; nothing appears beside it."""

    def check(name: str) -> None:
        ways = ways_to(name, tmp_path)
        engine = sa.create_engine(sqlite_url(ways[1] / "labels.sqlite"))
        with engine.begin() as connection:
            connection.exec_driver_sql("PRAGMA synchronous=OFF")
            connection.exec_driver_sql("CREATE TABLE things (name TEXT)")
            connection.execute(sa.text("INSERT INTO things VALUES (:name)"), {"name": name})
        engine.dispose()
        assert everything_in(ways[0]) == {"labels.sqlite"}
        for way in ways:
            with read_database(way / "labels.sqlite") as database:
                assert database.execute("SELECT name FROM things").fetchall() == [(name,)]

    assert not failures(check)
    assert everything_in(tmp_path / "real") == everything_in(tmp_path / "link") == set(NAMES)


def check_services(name: str, folder: Path) -> None:
    """Check that each service, by the flags that it is started with, opens what is in the run's folder."""
    with RunFolder(folder) as run:
        run.begin(make_config(run))
        assert RunFolder(folder).read_config().run_id == run.run_id
        planned = plan_processes(run.read_config(), run, ports=PORTS)
    settings = {one.name: load_config(SERVICES[one.name], list(one.arguments)) for one in planned}
    for service, config in settings.items():
        open_store(config.storage_url).put(f"{run.run_id}/segments/{service}", b"x")
    assert everything_in(folder / "segments") == set(settings)
    labeler = settings["labeler"]
    assert labeler.token_path == run.tokens
    open_database(labeler.database_url.get_secret_value()).close()
    assert run.database.is_file()
    assert everything_in(folder.parent) == {name}


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """The secrets without which services don't start."""
    for service in ("REWARD", "TEACHER"):
        monkeypatch.setenv(f"SOMERSAULT_{service}_TOKEN", "x" * 32)


@pytest.mark.usefixtures("tokens")
@pytest.mark.parametrize("name", AWFUL)
def test_services_open_what_is_in_the_run_folder(name: str, tmp_path: Path) -> None:
    """With every printable character in one name."""
    check_services(name, tmp_path / "runs" / name)


@pytest.mark.slow
@pytest.mark.usefixtures("tokens")
@pytest.mark.timeout(900)
def test_services_open_what_is_in_a_folder_of_any_name(tmp_path: Path) -> None:
    """Each name, each service."""
    numbers = iter(range(len(NAMES)))
    assert not failures(lambda name: check_services(name, tmp_path / str(next(numbers)) / name))


def test_printed_commands_and_links_lead_to_the_folder(tmp_path: Path) -> None:
    """A shell takes the command apart into the path, a browser the link into the name; consoles change nothing."""
    clip = StoredClip(
        policy_version=3,
        env_steps=0,
        clip_uri="",
        sha256="0" * 64,
        duration_s=1.0,
        created_ms=0,
        is_final=True,
        predicted_rewards=np.empty(0, np.float32),
        true_return=None,
    )

    def check(name: str) -> None:
        command = RunFolder(tmp_path / name).open_command
        assert shlex.split(command) == ["somersault", "open", str(tmp_path / name)]
        link = urlsplit(clip_to_message(name, clip).clip_url)
        assert unquote(link.path) == f"/policy-clips/{name}/3.mp4"
        assert link.query == f"sha256={clip.sha256}"
        printed = StringIO()
        print_line(Console(file=printed), command)
        assert printed.getvalue() == f"{command}\n"

    assert not failures(check)


def test_runs_of_a_folder_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    """Whatever these are called, and though copies have one name."""
    first = RunFolder(tmp_path / "first")
    first.begin(make_config(first))
    first.release()
    for name in set(NAMES) - {name for name in NAMES if name.startswith(".")}:
        shutil.copytree(first.path, tmp_path / name)
    found, problems = find_runs(tmp_path)
    assert not problems
    assert {run.name for run in found} == everything_in(tmp_path)
    assert {run.settings.run_id for run in found} == {"first"}
