"""Asks a service whether it is healthy: by ``grpc.health.v1``, or ``GET /healthz`` of the web gateway."""

from __future__ import annotations

import asyncio
import contextlib

from grpc_health.v1 import health_pb2, health_pb2_grpc

from somersault.errors import SomersaultError
from somersault.rpc import call, open_channel

__all__ = ["wait_until_healthy"]

_INTERVAL_S = 0.1
_TIMEOUT_S = 5.0


async def wait_until_healthy(address: str, *, is_http: bool = False) -> None:
    """Returns once the service at ``host:port`` says that it takes calls; asks for as long as that needs."""
    is_healthy = _answers_http if is_http else _answers_grpc
    while not await is_healthy(address):  # noqa: ASYNC110 - what is awaited happens in another process
        await asyncio.sleep(_INTERVAL_S)


async def _answers_grpc(address: str) -> bool:
    """Asks over a channel of its own: one that was refused before would wait before it dials again."""
    try:
        _, writer = await asyncio.open_connection(*_host_and_port(address))
        writer.close()
        async with open_channel(address) as channel:
            check = health_pb2_grpc.HealthStub(channel).Check
            response = await call(check, health_pb2.HealthCheckRequest(), timeout_s=_TIMEOUT_S)
    except (OSError, SomersaultError):
        return False
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


async def _answers_http(address: str) -> bool:
    request = f"GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(*_host_and_port(address))
            try:
                writer.write(request.encode("ascii"))
                await writer.drain()
                status = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return status.split()[1:2] == [b"200"]


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)
