"""Channels and calls: one factory that sets deadline, retry, message size and error translation."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import grpc
import grpc.aio

from somersault.domain.roles import Identity
from somersault.errors import UnavailableError, error_from_status
from somersault.rpc import limits
from somersault.rpc.backoff import Backoff
from somersault.rpc.interceptors import RETRY_KEY
from somersault.rpc.tls.certificates import read_authorities
from somersault.rpc.tls.distrust import note_distrust
from somersault.rpc.tls.folder import open_folder
from somersault.rpc.tls.rotating_channel import RotatingChannel
from somersault.runtime.addresses import is_numeric, split_address

__all__ = ["call", "open_channel", "said_retry", "translated_errors"]

Response = TypeVar("Response")

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", limits.KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", int(limits.RECONNECT_FIRST_S * 1000)),
    # Despite its name, this is how long one attempt to connect may take. A busy or distant peer needs a while.
    ("grpc.min_reconnect_backoff_ms", int(limits.RECONNECT_CAP_S * 1000)),
    ("grpc.max_reconnect_backoff_ms", int(limits.RECONNECT_CAP_S * 1000)),
    # Loopback and cluster addresses are never behind a proxy.
    ("grpc.enable_http_proxy", 0),
]


def open_channel(
    address: str,
    *,
    token: str | None = None,
    certificates: Path | None = None,
    authorities: Path | None = None,
    peer: Identity | None = None,
    has_own_connection: bool = False,
) -> grpc.aio.Channel:
    """Return a channel to ``host:port``, which connects on first use and reconnects whenever it is cut.

    Args:
        address: ``host:port``.
        token: Sent as ``authorization: Bearer`` with every call.
        certificates: The folder with the certificates that are shown and checked; new files there are taken without a call that
            fails. Without them and `authorities` the connection is not encrypted.
        authorities: A PEM file with the authorities that the server's certificate is checked against, for a caller who has no
            certificate, such as a labeling front end.
        peer: The service that is dialled. At an IP address, its certificate must name the service instead of the address.
        has_own_connection: Don't share a connection with this process's other channels to the same address, as gRPC
            does by default.

    Raises:
        ConfigError: the certificates or authorities can't be used.
    """
    interceptors: list[Any] = []
    if token is not None:
        interceptors = [_UnaryToken(token), _StreamToken(token), _DuplexToken(token)]
    options = [*_OPTIONS, ("grpc.use_local_subchannel_pool", int(has_own_connection))]
    if peer is not None and is_numeric(split_address("address", address)[0]):
        options.append(("grpc.ssl_target_name_override", peer.value))

    def dial(credentials: grpc.ChannelCredentials) -> grpc.aio.Channel:
        return grpc.aio.secure_channel(address, credentials, options=options, interceptors=interceptors)

    if certificates is not None:
        return RotatingChannel(open_folder(certificates), lambda current: dial(current.channel_credentials))
    if authorities is not None:
        return dial(grpc.ssl_channel_credentials(read_authorities(authorities)))
    return grpc.aio.insecure_channel(address, options=options, interceptors=interceptors)


async def call(
    method: Callable[..., Any],
    request: Any,
    *,
    timeout_s: float,
    retry_for_s: float = 0.0,
) -> Any:
    """Call a unary method with a deadline and return its response.

    Args:
        method: The stub's method, such as ``stub.GetStatus``.
        request: Its request.
        timeout_s: Deadline of each try, in seconds.
        retry_for_s: How long to keep trying while the peer is unavailable. Only for idempotent methods.

    Raises:
        SomersaultError: what the peer answered, or UnavailableError if it didn't.
    """
    backoff = Backoff()
    give_up = time.monotonic() + retry_for_s
    while True:
        try:
            with translated_errors():
                return await method(request, timeout=timeout_s)
        except UnavailableError as error:
            if error.is_hopeless or time.monotonic() >= give_up:
                raise
            await backoff.wait()


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Raise the domain error that a failed call or stream stands for.

    A call that the peer cancelled, as it does when it shuts down, becomes UnavailableError; a cancellation on our side
    stays ``asyncio.CancelledError``.
    """
    try:
        yield
    except grpc.aio.AioRpcError as error:
        detail = error.details() or error.code().name
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            note_distrust(detail)
        if error.code() is grpc.StatusCode.CANCELLED:
            raise UnavailableError(detail) from error
        raise error_from_status(error.code(), detail, retry=said_retry(error)) from error
    except asyncio.InvalidStateError as error:  # what grpc.aio raises for a write on a stream that has ended
        raise UnavailableError("the stream has ended") from error


def said_retry(error: grpc.aio.AioRpcError) -> str | bytes | None:
    """Return what a peer said about trying again when it ended a call; None if it said nothing."""
    sent: Any = error.trailing_metadata() or ()  # pairs, whatever grpc's types say
    return next((value for key, value in sent if key == RETRY_KEY), None)


class _Token:
    """Adds the token to a call's metadata."""

    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    def _with_token(self, details: grpc.aio.ClientCallDetails) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(details.metadata or ()))
        metadata.add("authorization", self._value)
        return grpc.aio.ClientCallDetails(
            method=details.method,
            timeout=details.timeout,
            metadata=metadata,
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
        )


class _UnaryToken(_Token, grpc.aio.UnaryUnaryClientInterceptor):  # type: ignore[type-arg]
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_token(client_call_details), request)


class _StreamToken(_Token, grpc.aio.UnaryStreamClientInterceptor):  # type: ignore[type-arg]
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_token(client_call_details), request)


class _DuplexToken(_Token, grpc.aio.StreamStreamClientInterceptor):  # type: ignore[type-arg]
    async def intercept_stream_stream(
        self, continuation: Any, client_call_details: Any, request_iterator: Any
    ) -> Any:
        return await continuation(self._with_token(client_call_details), request_iterator)
