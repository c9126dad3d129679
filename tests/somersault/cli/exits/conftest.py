"""What the tests of endings start from."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

_DEFAULTS = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


@pytest.fixture(autouse=True)
def default_signals() -> Iterator[None]:
    """Let signals end processes: under ``nohup``, or in a shell's background, they would rightly stay ignored."""
    before = {number: signal.signal(number, handler) for number, handler in _DEFAULTS.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
