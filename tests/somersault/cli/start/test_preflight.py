"""What can be known is refused before a run's folder is made or a service started, and can be said again then."""

from __future__ import annotations

import os
import resource
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from services import settings_check
from somersault.cli.__main__ import main
from somersault.cli.run import place
from somersault.cli.start import preflight
from somersault.cli.training import train
from somersault.errors import ConfigError

TRAIN = ["train", "hopper-backflip", "--teacher", "oracle", "--run-dir", "run"]
TASK = """
import dataclasses
from somersault.tasks import get_task
TASK = dataclasses.replace(get_task("pendulum"), teacher_source=None, {changes})
"""


@pytest.fixture(autouse=True)
def nothing_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder to be in, in which no run is begun, on a machine that can draw."""

    async def check_drawing(**_: Any) -> None:
        """Find everything."""

    monkeypatch.chdir(tmp_path)

    async def try_environment(*_: Any, **__: Any) -> None:
        """Find nothing wrong."""

    monkeypatch.setattr(preflight, "check_drawing", check_drawing)
    monkeypatch.setattr(train, "try_environment", try_environment)
    yield
    assert not (tmp_path / "run").exists()


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line with which a command is refused, in under five seconds of its own work."""
    began_s = time.process_time() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert main(list(arguments)) in (1, 2)
    took_s = time.process_time() + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began_s
    (line,) = capsys.readouterr().err.splitlines()
    assert took_s < 5
    return line


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SOMERSAULT_SIMULATOR_CLIP_TIMEOUT_S", "nan", "simulator: clip_timeout_s is 'nan'"),
        ("SOMERSAULT_LEARNER_PPO__LEARNING_RATE", "-1", "learner: ppo.learning_rate is '-1'"),
        ("SOMERSAULT_REWARD_NUM_MEMBERS", str(2**63), "reward: num_members is '9223372036854775808'"),
        ("SOMERSAULT_REWARD_MAX_POOL_BYTES", "30000", "reward: max_pool_bytes is 30000, must be at least"),
        ("SOMERSAULT_REWARD_POOL_CAPACITY", "63", "reward: min_pool_segments is 64, must be at most"),
        ("SOMERSAULT_LABELER_MAX_LEASES", "0", "labeler: max_leases is '0'"),
        ("SOMERSAULT_TEACHER_LEASE_S", "inf", "teacher: lease_s is 'inf'"),
        ("SOMERSAULT_WEB_MAX_CALL_S", "many", "web: max_call_s is 'many'"),
    ],
)
def test_a_setting_that_a_service_refuses_uses_no_folder_up(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named with the variable that it came from."""
    monkeypatch.setenv(variable, value)

    def check_here(flags: Any, *, secrets: Mapping[str, str], spec: Any) -> None:
        for name, secret in secrets.items():
            monkeypatch.setenv(name, secret)
        settings_check.check(flags, spec=spec)

    if not variable.startswith("SOMERSAULT_REWARD"):  # these are checked in a process, as all are
        monkeypatch.setattr(preflight, "check_settings", check_here)
    line = refused(*TRAIN, capsys=capsys)
    assert told in line
    assert variable in line or "at least" in line or "at most" in line


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ("question='?' * 2001", "length of question is 2001, must be 1 to 2000 characters"),
        ("question=''", "length of question is 0"),
        ("question='which\\x07one?'", "character 6 of question is 'U+0007'"),
        ("description='x' * 20_000", "length of description is"),
        ("title='\\n'", "title"),
        ("name='my task'", "name is 'my task'"),
        ("step_s=float('nan')", "step_s is nan, must be a number"),
        ("segment_s=float('inf')", "segment_s is inf"),
        ("episode_steps=2**63", "episode_steps is 9223372036854775808, must be a whole number, 1 to"),
        ("episode_steps=True", "episode_steps is True"),
        ("episode_steps=10", "segment_steps is"),
        ("clip_size_px=63", "clip_size_px is 63"),
    ],
)
def test_a_task_that_no_service_could_work_with_is_refused(
    changes: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the field, its value and its bound; an overlong question used the folder up."""
    (tmp_path / "task.py").write_text(textwrap.dedent(TASK.format(changes=changes)))
    assert told in refused("train", "task.py", "--run-dir", "run", capsys=capsys)


def test_the_place_is_looked_at_without_making_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file, something below a file, a path that is too long, a full disk, a folder that may not be written."""
    (tmp_path / "file").touch()
    given = [*TRAIN[:-1]]
    assert "(it is a file)" in refused(*given, "file", capsys=capsys)
    assert f"({tmp_path}/file is a file)" in refused(*given, "file/run", capsys=capsys)
    assert "more than 3895 bytes" in refused(*given, "/".join(["d" * 200] * 20), capsys=capsys)
    assert "(No such file or directory: /proc)" in refused(*given, "/proc/run", capsys=capsys)
    monkeypatch.setattr(place, "_free_bytes", lambda _: 3 << 20)
    assert "3 MiB are free there, a run needs at least 16" in refused(*TRAIN, capsys=capsys)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_others_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By name, with the system's reason."""
    (tmp_path / "theirs").mkdir(mode=0o500)
    line = refused(*TRAIN[:-1], "theirs/run", capsys=capsys)
    assert "Permission denied" in line


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "no-such-host.invalid"])
def test_a_host_that_is_not_this_machines_is_refused(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It crash-looped behind "starting"."""
    assert f"--host {host} can't be listened on" in refused(*TRAIN, "--host", host, capsys=capsys)


def test_every_service_of_a_run_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a reference run too, which are fewer."""
    asked: list[list[str]] = []

    def check_settings(flags: Mapping[str, Any], **_: Any) -> None:
        asked.append(sorted(flags))
        raise ConfigError("enough")

    monkeypatch.setattr(preflight, "check_settings", check_settings)
    for more, names in (
        (["--teacher", "oracle"], ["labeler", "learner", "reward", "simulator", "teacher", "web"]),
        (["--true-reward"], ["learner", "simulator"]),
    ):
        assert main(["train", "pendulum", "--run-dir", "run", *more]) == 2
        assert asked.pop() == names
