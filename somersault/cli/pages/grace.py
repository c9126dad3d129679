"""Gives open pages time to learn that a run is finished, send their last answers and fetch its video."""

from __future__ import annotations

import asyncio
import time

from somersault.cli.pages.client import WebAddress, read_idle_s

__all__ = ["has_open_pages", "wait_for_pages"]

_POLL_S = 0.5
_OPEN_WITHIN_S = 60.0  # a page that waits for a question, or watches curves, asks at least that often
_LEAST_S = 3.0  # a page that was about to ask has done so
_QUIET_S = 3.0
GRACE_S = 15.0
"""The longest wait; a page that watches the run never stops asking."""


async def has_open_pages(web: WebAddress, *, token: str) -> bool:
    """Return whether a page has made a request lately.

    Args:
        web: The gateway.
        token: An owner's token.
    """
    idle_s = await read_idle_s(web, token=token)
    return idle_s is not None and idle_s < _OPEN_WITHIN_S


async def wait_for_pages(web: WebAddress, *, token: str) -> None:
    """Wait until no page makes requests any more, at most `GRACE_S`."""
    began_s = time.monotonic()
    while (waited_s := time.monotonic() - began_s) < GRACE_S:
        await asyncio.sleep(_POLL_S)
        idle_s = await read_idle_s(web, token=token)
        if waited_s >= _LEAST_S and (idle_s is None or idle_s >= _QUIET_S):
            return
