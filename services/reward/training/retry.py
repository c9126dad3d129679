"""Work that needs the object store waits for a store that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import structlog

from somersault.errors import UnavailableError
from somersault.rpc import Backoff

__all__ = ["retry_while_unavailable"]

_log = structlog.get_logger()

T = TypeVar("T")


async def retry_while_unavailable(work: Callable[[], T]) -> T:
    """Run ``work`` in a thread, again and again while the object store is away, and return its result.

    Raises:
        SomersaultError: anything other than a store that is away for a while.
    """
    backoff = Backoff()
    while True:
        try:
            return await asyncio.to_thread(work)
        except UnavailableError as error:
            if error.is_hopeless:
                raise
            _log.warning("store_away", detail=str(error))
            await backoff.wait()
