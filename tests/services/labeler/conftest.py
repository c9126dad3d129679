"""A running labeler with one run and no simulator."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.services.labeler.running import RunningLabeler, running_labeler


@pytest_asyncio.fixture
async def labeler(tmp_path: Path) -> AsyncIterator[RunningLabeler]:
    """Serve a labeler that knows one run."""
    async with running_labeler(tmp_path) as running:
        await running.create_run()
        yield running
