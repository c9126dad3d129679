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

__all__ = ["add_health", "bind", "create_server", "serve_health", "set_serving"]

_OPTIONS: list[tuple[str, Any]] = [
    # Otherwise two servers could share a port, and each would get half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", limits.MAX_MESSAGE_BYTES),
    # No compressed message is taken (UNIMPLEMENTED): a thousandth of what it becomes would have been counted.
    ("grpc.compression_enabled_algorithms_bitset", 1 << grpc.Compression.NoCompression),
    ("grpc.per_message_decompression", 0),
    # Of a connection; a caller's further calls wait in its own process.
    ("grpc.max_concurrent_streams", limits.MAX_STREAMS),
    ("grpc.server_handshake_timeout_ms", limits.HANDSHAKE_TIMEOUT_MS),
    ("grpc.http2.min_ping_interval_without_data_ms", limits.KEEPALIVE_MS // 2),
    ("grpc.keepalive_time_ms", limits.KEEPALIVE_MS),
    ("grpc.max_metadata_size", 16 * 1024),
]


def create_server(
    interceptors: Sequence[grpc.aio.ServerInterceptor[Any, Any]] = (),
    *,
    max_connection_age_s: float | None = None,
) -> grpc.aio.Server:
    """Return a server that maps domain errors and bounds requests.

    Args:
        interceptors: Run in between, in order; what they refuse is never parsed.
        max_connection_age_s: How old a connection may become. Calls that are open then have `limits.CONNECTION_END_S` more.
    """
    options = list(_OPTIONS)
    if max_connection_age_s is not None:
        options.append(("grpc.max_connection_age_ms", round(max_connection_age_s * 1000)))
        options.append(("grpc.max_connection_age_grace_ms", round(limits.CONNECTION_END_S * 1000)))
    inside = [*interceptors, RequestInterceptor()]
    return grpc.aio.server(interceptors=[ErrorInterceptor(), *inside], options=options)


def bind(
    server: grpc.aio.Server, *, host: str, port: int, credentials: grpc.ServerCredentials | None = None
) -> int:
    """Bind a server and return the port, a free one if ``port`` is 0.

    Without credentials, nothing is encrypted there. A server may have several ports.

    Raises:
        ConfigError: the port is taken or the host is not this machine's.
    """
    try:
        if credentials is None:
            bound = server.add_insecure_port(format_address(host, port))
        else:
            bound = server.add_secure_port(format_address(host, port), credentials)
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
    add_health(server, servicer)
    if has_reflection:
        listed = (*names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(listed, server)
    return servicer


def add_health(server: grpc.aio.Server, servicer: Any) -> None:
    """Let a server, perhaps one of several, answer health checks by this servicer."""
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)


async def set_serving(servicer: Any, names: Sequence[str], *, is_serving: bool) -> None:
    """Report each named service, and the whole server, as serving or not."""
    response = health_pb2.HealthCheckResponse
    status = response.SERVING if is_serving else response.NOT_SERVING
    for name in ("", *names):
        await servicer.set(name, status)
