"""Waiting for a change that this process or another replica makes."""

from __future__ import annotations

import asyncio

from somersault.rpc import wait_for_change

__all__ = ["POLL_S", "wait_or_poll"]

POLL_S = 0.5
"""How often to look anyway: nothing here is notified of another replica's changes, or of leases that expire."""


async def wait_or_poll(change: asyncio.Event, *, timeout_s: float = POLL_S) -> None:
    """Wait for a change that this process makes, at most ``timeout_s`` seconds and at most `POLL_S`."""
    await wait_for_change(change, timeout_s=min(timeout_s, POLL_S))
