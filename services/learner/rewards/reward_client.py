"""The learner's stream to the reward service: where the learner is goes up, versions of the reward model come down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import grpc.aio
import structlog

from somersault.domain.roles import Identity
from somersault.errors import CorruptDataError
from somersault.reward_model import RewardEnsemble
from somersault.rpc import Backoff, Latest, dial_forever, translated_errors
from somersault.v1 import reward_pb2, reward_pb2_grpc

__all__ = ["RewardClient", "RewardListener", "RewardUpdate"]

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardUpdate:
    """What the reward service said last."""

    ensemble: RewardEnsemble | None = None
    """None before the first."""
    reward_version: int = 0
    is_pretrained: bool = False
    """The labels of the first, random policy are learned, so that improving on the rewards makes sense."""
    settled_env_steps: int = -1
    """Everything due up to this step is learned."""
    horizon_env_steps: int | None = None
    """The step up to which the learner may go while the service is away; None for no bound."""
    wants_segments: bool = False
    """Simulators are to gather for their segments alone while the learner waits."""
    is_finishing: bool = False
    """The run is to finish now."""


class RewardListener(Protocol):
    """Hears what the reward service says."""

    def updated(self, update: RewardUpdate) -> None:
        """Hear a new update."""
        ...

    def lost(self) -> None:
        """Hear that the stream has ended."""
        ...


class RewardClient:
    """Follows the reward service, and reports how far the learner is. Used from one event loop."""

    def __init__(self, address: str, listener: RewardListener, *, certificates: Path | None = None) -> None:
        """Set up a client that doesn't dial yet.

        Args:
            address: ``host:port`` of the reward service.
            listener: Told each update.
            certificates: As in `somersault.rpc.open_channel`.
        """
        self._address = address
        self._listener = listener
        self._certificates = certificates
        self._ensemble: RewardEnsemble | None = None
        self._request = Latest(reward_pb2.WatchRewardModelRequest())

    def report(self, *, env_steps: int, positions: Mapping[str, int]) -> None:
        """Report how far the learner is.

        Args:
            env_steps: The step whose rewards it waits for.
            positions: The newest sequence taken of each incarnation.
        """
        newest = [
            reward_pb2.RolloutPosition(incarnation=incarnation, sequence=sequence)
            for incarnation, sequence in positions.items()
        ]
        self._request.set(reward_pb2.WatchRewardModelRequest(env_steps=env_steps, positions=newest))

    async def run(self) -> None:
        """Keep the stream open until cancelled.

        Raises:
            SomersaultError: The reward service refuses for good, or sent something that isn't a reward model.
        """
        await dial_forever(
            self._address,
            self._hold,
            on_lost=lambda detail: _log.info("reward_stream_lost", detail=detail),
            certificates=self._certificates,
            peer=Identity.REWARD,
        )

    async def follow(self, stub: reward_pb2_grpc.RewardServiceAsyncStub, backoff: Backoff) -> None:
        """Follow one stream until it ends; `run` does so again and again.

        Raises:
            CorruptDataError: The service sent something that isn't a reward model.
        """
        try:
            with translated_errors():
                async for update in stub.WatchRewardModel(self._request.watch()):
                    backoff.reset()
                    self._listener.updated(self._read(update))
        except CorruptDataError as error:
            _log.error("reward_version_corrupt", detail=str(error))
            raise
        finally:
            self._listener.lost()

    async def _hold(self, channel: grpc.aio.Channel, backoff: Backoff) -> None:
        await self.follow(reward_pb2_grpc.RewardServiceStub(channel), backoff)

    def _read(self, update: reward_pb2.RewardModelUpdate) -> RewardUpdate:
        if update.weights:
            self._ensemble = RewardEnsemble.from_bytes(update.weights)
        return RewardUpdate(
            ensemble=self._ensemble,
            reward_version=update.reward_version,
            is_pretrained=update.is_pretrained,
            settled_env_steps=update.settled_env_steps,
            horizon_env_steps=update.horizon_env_steps if update.HasField("horizon_env_steps") else None,
            wants_segments=update.wants_segments,
            is_finishing=update.is_finishing,
        )
