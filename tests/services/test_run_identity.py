"""Each service that is given a run's identity refuses the store and the database of another run, in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.labeler.application import build as build_labeler
from services.labeler.config import LabelerConfig
from services.learner.application import build as build_learner
from services.learner.config import LearnerConfig
from services.reward.application import build as build_reward
from services.reward.config import RewardConfig
from somersault.runtime import app
from somersault.runtime.urls import file_url, sqlite_url
from somersault.storage import StoredIdentity, open_store, write_identity

MINE, OTHER = "0" * 32, "f" * 32
RUN_ID = "run-1"
BAD_SETTINGS = 2


def _start(service: str, folder: Path, identity: str) -> int:
    """Start a service that must refuse, and return its exit code."""
    arguments = [
        "--storage-url",
        file_url(folder / "objects"),
        "--run-id",
        RUN_ID,
        "--run-identity",
        identity,
    ]
    if service == "labeler":
        url = sqlite_url(folder / "labels.sqlite")
        return app.main(service, LabelerConfig, build_labeler, arguments=[*arguments, "--database-url", url])
    arguments += ["--task", "pendulum"]
    if service == "learner":
        return app.main(service, LearnerConfig, build_learner, arguments=arguments)
    return app.main(service, RewardConfig, build_reward, arguments=arguments)


def _claim(folder: Path, identity: str) -> None:
    said = StoredIdentity(run_id=RUN_ID, identity=identity, start_mark="1" * 32)
    write_identity(open_store(file_url(folder / "objects")), said)


@pytest.mark.parametrize("service", ["learner", "reward", "labeler"])
def test_another_runs_store_is_refused(
    service: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a setting that can't be used: one line that names the store, and nothing is written there."""
    _claim(tmp_path, OTHER)
    assert _start(service, tmp_path, MINE) == BAD_SETTINGS
    line = capfd.readouterr().err.strip().splitlines()[-1]
    assert line.startswith(f"somersault {service}: storage_url: ")
    assert OTHER in line
    assert sorted(open_store(file_url(tmp_path / "objects")).list("")) == [f"{RUN_ID}/identity.json"]


@pytest.mark.parametrize("service", ["learner", "reward"])
def test_a_store_without_the_run_is_refused(
    service: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An emptied or unmounted one isn't begun in anew."""
    assert _start(service, tmp_path, MINE) == BAD_SETTINGS
    assert "mount what it names" in capfd.readouterr().err


@pytest.mark.parametrize("service", ["learner", "reward", "labeler"])
def test_what_is_no_identity_is_refused(
    service: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before anything is opened."""
    assert _start(service, tmp_path, "mine") == BAD_SETTINGS
    assert "run_identity" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []
