"""The gateway in this process, on a free port."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from services.web.config import WebConfig
from services.web.server import serve

__all__ = ["serving_gateway"]


@contextlib.asynccontextmanager
async def serving_gateway(labeler_address: str, **settings: Any) -> AsyncIterator[str]:
    """Serve calls and pages, and yield their address; raise whatever prevents that."""
    config = WebConfig(port=0, labeler_address=labeler_address, **settings)
    stopped, bound = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(config, stopped=stopped, on_bound=bound.set_result))
    try:
        await asyncio.wait({serving, bound}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        yield f"http://127.0.0.1:{await bound}"
    finally:
        stopped.set()
        await serving
