"""Connections to a run's services."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from somersault.domain.roles import Identity
from somersault.rpc import open_channel
from somersault.v1 import labeler_pb2_grpc, learner_pb2_grpc, reward_pb2_grpc, simulator_pb2_grpc

__all__ = ["ServiceStubs", "connect"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStubs:
    """Stubs of a run's services; None for those that a reference run lacks."""

    learner: learner_pb2_grpc.LearnerServiceAsyncStub
    simulator: simulator_pb2_grpc.SimulatorServiceAsyncStub
    reward: reward_pb2_grpc.RewardServiceAsyncStub | None
    labeler: labeler_pb2_grpc.LabelerServiceAsyncStub | None


@asynccontextmanager
async def connect(
    addresses: Mapping[str, str], *, token: str, certificates: Path | None = None
) -> AsyncIterator[ServiceStubs]:
    """Yield stubs of a run's services.

    Args:
        addresses: Each service's address.
        token: Sent to the labeler alone.
        certificates: Those of the run's own tools; None where the services have none.
    """
    async with AsyncExitStack() as stack:
        channels = {
            name: await stack.enter_async_context(
                open_channel(
                    address,
                    token=token if name == "labeler" else None,
                    certificates=certificates,
                    peer=Identity(name),
                )
            )
            for name, address in addresses.items()
            if name in ("learner", "simulator", "reward", "labeler")
        }
        reward, labeler = channels.get("reward"), channels.get("labeler")
        yield ServiceStubs(
            learner=learner_pb2_grpc.LearnerServiceStub(channels["learner"]),
            simulator=simulator_pb2_grpc.SimulatorServiceStub(channels["simulator"]),
            reward=reward_pb2_grpc.RewardServiceStub(reward) if reward else None,
            labeler=labeler_pb2_grpc.LabelerServiceStub(labeler) if labeler else None,
        )
