"""Keeps a stream to a peer open for as long as a service lives, or until the peer says that trying again is pointless."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NoReturn

import grpc.aio

from somersault.domain.roles import Identity
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
    certificates: Path | None = None,
    peer: Identity | None = None,
) -> NoReturn:
    """Open a channel and hold a stream over it, again and again until cancelled.

    Args:
        address: The peer's, ``host:port``.
        hold: Holds one stream; ends or raises a `SomersaultError` when the stream does. It resets the backoff once the
            peer has answered.
        on_lost: Called with the reason why a stream ended, once for as long as the reason stays the same.
        certificates: As in `open_channel`.
        peer: As in `open_channel`.

    Raises:
        SomersaultError: one after which dialling again is pointless (`somersault.errors.Retry`).
    """
    backoff, before = Backoff(cap_s=limits.REDIAL_CAP_S), ""
    while True:
        detail = "it ended the stream"
        try:
            async with open_channel(address, certificates=certificates, peer=peer) as channel:
                await hold(channel, backoff)
        except SomersaultError as error:
            if error.is_hopeless:
                raise
            detail = str(error)
        if detail != before or not backoff.is_failing:
            on_lost(detail)
        before = detail
        await backoff.wait()
