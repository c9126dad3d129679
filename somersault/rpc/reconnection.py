"""Keeps a stream to a peer open for as long as a service lives, or until the peer says that it never will be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

import grpc.aio

from somersault.errors import SomersaultError
from somersault.rpc import limits
from somersault.rpc.backoff import Backoff
from somersault.rpc.channel import open_channel

__all__ = ["dial_forever"]


async def dial_forever(
    address: str,
    hold: Callable[[grpc.aio.Channel, Backoff], Awaitable[None]],
    *,
    on_lost: Callable[[str], None],
) -> NoReturn:
    """Open a channel and hold a stream over it, again and again until cancelled.

    Args:
        address: The peer's, ``host:port``.
        hold: Holds one stream; ends or raises a `SomersaultError` when the stream does. It resets the backoff once the
            peer has answered.
        on_lost: Told why a stream ended. A peer that stays away for the same reason is worth one line in a log.

    Raises:
        SomersaultError: one after which dialling again is no use (`somersault.errors.Retry`).
    """
    backoff, before = Backoff(cap_s=limits.REDIAL_CAP_S), ""
    while True:
        detail = "it ended the stream"
        try:
            async with open_channel(address) as channel:
                await hold(channel, backoff)
        except SomersaultError as error:
            if error.is_hopeless:
                raise
            detail = str(error)
        if detail != before or not backoff.is_failing:
            on_lost(detail)
        before = detail
        await backoff.wait()
