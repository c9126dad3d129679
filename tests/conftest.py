"""What every test leaves behind it: no logging that goes to what it captured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.real_runs import ROOT, make_real_run


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Takes back what a service that ran in this process set up: its file is closed when its test is over."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def importable_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets processes import ``tests``, as a user lets them import a package that isn't installed."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small finished run, shared by all workers: look at it, change nothing."""
    base = tmp_path_factory.getbasetemp()
    # Of a worker of pytest-xdist it is a folder in the one that all share.
    return make_real_run((base.parent if base.name.startswith("popen-") else base) / "real-run")
