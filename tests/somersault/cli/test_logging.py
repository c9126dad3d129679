"""What is logged while a command runs is on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from somersault.cli.__main__ import main


@pytest.fixture(autouse=True)
def reset() -> Iterator[None]:
    """Take back how the command has set up logging."""
    yield
    structlog.reset_defaults()


def test_a_log_line_is_not_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that is asked a second time must not spoil the one JSON object that was asked for; a warning is told."""
    monkeypatch.setattr(sys, "argv", ["somersault", "tasks", "pendulum", "--json"])
    assert main() == 0
    structlog.get_logger().debug("object_store_retried", attempt=1)
    structlog.get_logger().warning("something_is_wrong")
    out, err = capsys.readouterr()
    assert json.loads(out)["task"] == "pendulum"
    assert "something_is_wrong" in err
    assert "object_store_retried" not in err
