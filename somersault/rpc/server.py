"""Servers: bounded, with errors mapped, health and reflection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from somersault.errors import ConfigError
from somersault.rpc import limits
from somersault.rpc.interceptors import ErrorInterceptor
from somersault.rpc.requests import RequestInterceptor
from somersault.runtime.addresses import format_address

__all__ = ["bind", "create_server", "serve_health", "set_serving"]

_OPTIONS: list[tuple[str, Any]] = [
    # Otherwise two servers could share a port, and each would get half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", limits.MAX_MESSAGE_BYTES),
    # No compressed message is taken (UNIMPLEMENTED): a thousandth of what it becomes would have been counted.
    ("grpc.compression_enabled_algorithms_bitset", 1 << grpc.Compression.NoCompression),
    ("grpc.per_message_decompression", 0),
    ("grpc.server_handshake_timeout_ms", limits.HANDSHAKE_TIMEOUT_MS),
    ("grpc.http2.min_ping_interval_without_data_ms", limits.KEEPALIVE_MS // 2),
    ("grpc.keepalive_time_ms", limits.KEEPALIVE_MS),
    ("grpc.max_metadata_size", 16 * 1024),
]


def create_server(interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = ()) -> grpc.aio.Server:
    """Return a server that maps domain errors and bounds requests; ``interceptors`` run in between, in order.

    What they refuse is never parsed.
    """
    inside = [*interceptors, RequestInterceptor()]
    return grpc.aio.server(interceptors=[ErrorInterceptor(), *inside], options=_OPTIONS)


def bind(server: grpc.aio.Server, *, host: str, port: int) -> int:
    """Bind a server and return the port, a free one if ``port`` is 0.

    Raises:
        ConfigError: the port is taken or the host is not this machine's.
    """
    try:
        bound = server.add_insecure_port(format_address(host, port))
    except RuntimeError:
        bound = 0
    if bound == 0:
        raise ConfigError(
            f"port {port} on {host} can't be used: another program listens there, or the host is not"
            " this machine's; choose another port (0 takes a free one)"
        )
    return bound


def serve_health(server: grpc.aio.Server, names: Sequence[str], *, has_reflection: bool) -> Any:
    """Add ``grpc.health.v1`` (all services serving) and, if asked, reflection."""
    servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    if has_reflection:
        listed = (*names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(listed, server)
    return servicer


async def set_serving(servicer: Any, names: Sequence[str], *, is_serving: bool) -> None:
    """Report each named service, and the whole server, as serving or not."""
    response = health_pb2.HealthCheckResponse
    status = response.SERVING if is_serving else response.NOT_SERVING
    for name in ("", *names):
        await servicer.set(name, status)
