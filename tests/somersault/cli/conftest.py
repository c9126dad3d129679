"""What the command line's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder

ROOT = Path(__file__).parents[3]
FAKES = "tests.somersault.cli.fakes"


@pytest.fixture
def fake_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put fakes in the place of all services, for processes that tests start."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(
        "somersault.cli.services.processes.MODULES",
        dict.fromkeys(("simulator", "learner", "reward", "labeler", "teacher", "web"), FAKES),
    )


def make_config(folder: RunFolder, **changes: object) -> RunConfig:
    """Settings of a run with a teacher and without a page."""
    values: dict[str, object] = {
        "task": "hopper-backflip",
        "run_id": folder.run_id,
        "seed": 3,
        "label_budget": 9,
        "total_env_steps": 1000,
        "teacher": "oracle",
        "pacing": "lockstep",
        "is_reference": False,
        "has_web": False,
        "web_port": 8400,
        "storage_url": folder.storage_url,
        "num_environments": 64,
        "num_threads": None,
    }
    return RunConfig(**{**values, **changes})  # type: ignore[arg-type]
