"""A service whose work runs in a thread and never returns: ``python -m tests.somersault.runtime.app_that_hangs --port 7000``."""

from __future__ import annotations

import asyncio
import sys
import threading

from somersault.runtime import app
from tests.somersault.runtime.test_app import Example, ExampleConfig


class Hanging(Example):
    """Runs somebody's function that never returns, as a teacher's may be."""

    async def run(self) -> None:
        """Wait for it."""
        sys.stderr.write("working\n")
        await asyncio.to_thread(threading.Event().wait)


async def build(_: ExampleConfig) -> Hanging:
    """Make it."""
    return Hanging()


if __name__ == "__main__":
    sys.exit(app.main("example", ExampleConfig, build))
