"""Asks a service whether it is healthy, by ``grpc.health.v1`` or, for the web gateway, ``GET /healthz``."""

from __future__ import annotations

import asyncio
from pathlib import Path

from grpc_health.v1 import health_pb2, health_pb2_grpc

from somersault.cli.pages.client import WebAddress, answers_healthily
from somersault.domain.roles import Identity
from somersault.errors import SomersaultError
from somersault.rpc import call, open_channel
from somersault.runtime.addresses import split_address

__all__ = ["wait_until_healthy"]

_INTERVAL_S = 0.1
_TIMEOUT_S = 5.0


async def wait_until_healthy(
    address: str,
    *,
    is_http: bool = False,
    is_tls: bool = False,
    certificates: Path | None = None,
    peer: Identity | None = None,
) -> None:
    """Wait until the service at ``host:port`` says that it takes calls.

    Args:
        address: Where it listens.
        is_http: Whether it is asked by HTTP instead of gRPC.
        is_tls: Whether that is HTTPS.
        certificates: As in `somersault.rpc.open_channel`, and so the next.
        peer: Which service it is.
    """
    web = WebAddress(address, is_tls)
    while not await (  # noqa: ASYNC110 - what is awaited happens in another process
        answers_healthily(web) if is_http else _answers_grpc(address, certificates, peer)
    ):
        await asyncio.sleep(_INTERVAL_S)


async def _answers_grpc(address: str, certificates: Path | None, peer: Identity | None) -> bool:
    """Ask over a new channel, because one that was refused waits before it dials again."""
    try:
        _, writer = await asyncio.open_connection(*split_address("address", address))
        writer.close()
        async with open_channel(address, certificates=certificates, peer=peer) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            response = await call(check, health_pb2.HealthCheckRequest(), timeout_s=_TIMEOUT_S)
    except (OSError, SomersaultError):
        return False
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)
