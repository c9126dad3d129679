"""Asks simulators to draw clips."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from somersault import rpc
from somersault.v1 import simulator_pb2, simulator_pb2_grpc

__all__ = ["SimulatorClients"]


class SimulatorClients:
    """Reaches several simulators, one after the other; any of them can draw any segment."""

    def __init__(self, addresses: Sequence[str], *, timeout_s: float) -> None:
        """Takes each simulator's ``host:port`` and how long drawing may take, in seconds."""
        self._channels = [rpc.open_channel(address) for address in addresses]
        self._turns = itertools.cycle(
            [simulator_pb2_grpc.SimulatorServiceStub(channel) for channel in self._channels]
        )
        self._timeout_s = timeout_s

    def __len__(self) -> int:
        """Gives the number of simulators."""
        return len(self._channels)

    async def render(self, *, segment_uri: str, clip_uri: str) -> str:
        """Has the next simulator draw a segment and store its clip; gives the clip's SHA-256.

        Raises:
            UnavailableError: this simulator can't be reached or took too long.
            SomersaultError: it can't draw this segment.
        """
        request = simulator_pb2.RenderRequest(segment_uri=segment_uri, clip_uri=clip_uri)
        response: simulator_pb2.RenderResponse = await rpc.call(
            next(self._turns).Render, request, timeout_s=self._timeout_s
        )
        return response.clip_sha256

    async def close(self) -> None:
        """Closes the channels."""
        for channel in self._channels:
            await channel.close(None)
