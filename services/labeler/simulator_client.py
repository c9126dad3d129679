"""The labeler as a client of simulators: has clips rendered, asks for true returns."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Sequence
from pathlib import Path

from services.labeler.model.progress import TrueReturns
from somersault import rpc
from somersault.domain.roles import Identity
from somersault.errors import SomersaultError
from somersault.v1 import simulator_pb2, simulator_pb2_grpc

__all__ = ["SimulatorClients"]

_STATISTICS_TIMEOUT_S = 2.0  # a simulator answers at once; one that is down must not delay a report


class SimulatorClients:
    """Calls several simulators in turn; any of them can render any segment."""

    def __init__(
        self, addresses: Sequence[str], *, timeout_s: float, certificates: Path | None = None
    ) -> None:
        """Open the channels.

        Args:
            addresses: Each simulator's, ``host:port``.
            timeout_s: How long rendering may take.
            certificates: As in `somersault.rpc.open_channel`.
        """
        self._channels = [
            rpc.open_channel(address, certificates=certificates, peer=Identity.SIMULATOR)
            for address in addresses
        ]
        self._stubs = [simulator_pb2_grpc.SimulatorServiceStub(channel) for channel in self._channels]
        self._turns = itertools.cycle(self._stubs)
        self._timeout_s = timeout_s

    def __len__(self) -> int:
        """Return the number of simulators."""
        return len(self._channels)

    async def render(self, *, segment_uri: str, clip_uri: str) -> str:
        """Have the next simulator render a segment and store the clip; return the clip's SHA-256.

        Raises:
            UnavailableError: this simulator can't be reached or took too long.
            SomersaultError: it can't render this segment.
        """
        request = simulator_pb2.RenderRequest(segment_uri=segment_uri, clip_uri=clip_uri)
        response: simulator_pb2.RenderResponse = await rpc.call(
            next(self._turns).Render, request, timeout_s=self._timeout_s
        )
        return response.clip_sha256

    async def true_returns(self, *, task: str) -> TrueReturns | None:
        """Return the mean true return over a task's newest episodes, from all simulators that can be reached.

        None until an episode has finished, and for a task without a true reward.
        """
        answers = await asyncio.gather(*map(_statistics, self._stubs))
        of_task = [each for each in answers if each and each.has_teacher and each.task == task]
        counted = [each for each in of_task if math.isfinite(each.true_return_mean)]
        num_episodes = sum(each.num_episodes for each in counted)
        if not num_episodes:
            return None
        total = sum(each.true_return_mean * each.num_episodes for each in counted)
        return TrueReturns(mean=total / num_episodes, num_episodes=num_episodes)

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels:
            await channel.close(None)


async def _statistics(
    stub: simulator_pb2_grpc.SimulatorServiceStub,
) -> simulator_pb2.GetEpisodeStatisticsResponse | None:
    request = simulator_pb2.GetEpisodeStatisticsRequest()
    try:
        response: simulator_pb2.GetEpisodeStatisticsResponse = await rpc.call(
            stub.GetEpisodeStatistics, request, timeout_s=_STATISTICS_TIMEOUT_S
        )
    except SomersaultError:  # a progress point without true returns is still useful
        return None
    return response
