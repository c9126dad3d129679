"""A channel that takes new certificates: gRPC's own keep those they were made with."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Self

import grpc
import grpc.aio
import structlog

from somersault.rpc.tls.certificates import Certificates
from somersault.rpc.tls.folder import CertificateFolder

__all__ = ["RotatingChannel"]

_log = structlog.get_logger()

_CALLS_END_S = 30 * 24 * 3600.0
"""Calls over the old certificates end when they end; an open stream, when the server's max_connection_age_s is over."""

MakeChannel = Callable[[Certificates], grpc.aio.Channel]


class RotatingChannel(grpc.aio.Channel):
    """Stands for one channel after the other.

    At the first call after new files it dials with them, and goes on over the old connection until the new one is made, so that
    no call waits or fails. Calls that have begun end where they began.
    """

    def __init__(self, folder: CertificateFolder, make: MakeChannel) -> None:
        """Take the certificates, and how to make a channel with some."""
        self._folder = folder
        self._make = make
        self._wanted = folder.current
        self._channel = make(self._wanted)
        self._moving: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    def current(self) -> grpc.aio.Channel:
        """Return the channel for a call that begins now."""
        newest = self._folder.current
        if newest is not self._wanted:
            self._wanted = newest
            if self._moving is not None:
                self._moving.cancel()
            self._moving = asyncio.ensure_future(self._move(newest))
        return self._channel

    async def _move(self, certificates: Certificates) -> None:
        """Replace the channel once the next one is connected, or this one isn't."""
        newer = self._make(certificates)
        try:
            await _until_better(newer, self._channel)
        except BaseException:
            await newer.close(None)
            raise
        older, self._channel, self._moving = self._channel, newer, None
        ending = asyncio.ensure_future(_end(older))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        _log.info("channel_replaced", name=certificates.name, expiry=certificates.expiry.isoformat())

    async def close(self, grace: float | None = None) -> None:
        """Close the channel, and those before it whose calls have not ended."""
        tasks = [task for task in (self._moving, *self._ending) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._channel.close(grace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close(None)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 - gRPC's
        """Return the state of the connection."""
        return self.current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the connection has another state."""
        await self.current().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Wait until it is connected."""
        await self.current().channel_ready()

    def unary_unary(self, *arguments: Any, **options: Any) -> Any:
        """Return the method, as gRPC's channels do."""
        return self._method("unary_unary", arguments, options)

    def unary_stream(self, *arguments: Any, **options: Any) -> Any:
        """Return the method."""
        return self._method("unary_stream", arguments, options)

    def stream_unary(self, *arguments: Any, **options: Any) -> Any:
        """Return the method."""
        return self._method("stream_unary", arguments, options)

    def stream_stream(self, *arguments: Any, **options: Any) -> Any:
        """Return the method."""
        return self._method("stream_stream", arguments, options)

    def _method(self, kind: str, arguments: Any, options: Any) -> Callable[..., Any]:
        """Return a method that begins each call on the channel of its time."""
        made: tuple[grpc.aio.Channel, Any] | None = None

        def begin(*call_arguments: Any, **call_options: Any) -> Any:
            nonlocal made
            channel = self.current()
            if made is None or made[0] is not channel:
                made = (channel, getattr(channel, kind)(*arguments, **options))
            return made[1](*call_arguments, **call_options)

        return begin


async def _end(channel: grpc.aio.Channel) -> None:
    """Close a channel once its calls have ended, or when cancelled."""
    try:
        await channel.close(_CALLS_END_S)
    finally:
        await channel.close(None)


async def _until_better(newer: grpc.aio.Channel, older: grpc.aio.Channel) -> None:
    """Wait until the newer channel is connected or the older one isn't."""
    if older.get_state() is not grpc.ChannelConnectivity.READY:
        return
    waiting = {
        asyncio.ensure_future(newer.channel_ready()),
        asyncio.ensure_future(older.wait_for_state_change(grpc.ChannelConnectivity.READY)),
    }
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
