"""Asks a service whether it is healthy, by ``grpc.health.v1`` or, for the web gateway, ``GET /healthz``."""

from __future__ import annotations

import asyncio

from grpc_health.v1 import health_pb2, health_pb2_grpc

from somersault.cli.pages.client import WebAddress, answers_healthily
from somersault.errors import SomersaultError
from somersault.rpc import call, open_channel
from somersault.runtime.addresses import split_address

__all__ = ["wait_until_healthy"]

_INTERVAL_S = 0.1
_TIMEOUT_S = 5.0


async def wait_until_healthy(address: str, *, is_http: bool = False, is_tls: bool = False) -> None:
    """Wait until the service at ``host:port`` says that it takes calls."""
    web = WebAddress(address, is_tls)
    while not await (  # noqa: ASYNC110 - what is awaited happens in another process
        answers_healthily(web) if is_http else _answers_grpc(address)
    ):
        await asyncio.sleep(_INTERVAL_S)


async def _answers_grpc(address: str) -> bool:
    """Ask over a new channel, because one that was refused waits before it dials again."""
    try:
        _, writer = await asyncio.open_connection(*split_address("address", address))
        writer.close()
        async with open_channel(address) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            response = await call(check, health_pb2.HealthCheckRequest(), timeout_s=_TIMEOUT_S)
    except (OSError, SomersaultError):
        return False
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)
