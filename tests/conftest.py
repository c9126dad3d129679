"""What every test leaves behind it: no logging that goes to what it captured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Takes back what a service that ran in this process set up: its file is closed when its test is over."""
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
