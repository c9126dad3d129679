"""What the tests of endings start from."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def default_hangup() -> Iterator[None]:
    """Let a hangup end processes: under ``nohup`` they would inherit that it is ignored, and rightly go on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)
