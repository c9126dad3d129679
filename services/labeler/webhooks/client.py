"""Calls receivers: connects only to checked addresses, follows no redirects, reads nothing but the status."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore

from services.labeler.webhooks.addresses import check_address, check_url
from somersault.errors import UnavailableError

__all__ = ["WebhookClient"]

TIMEOUT_S = 10.0  # for a whole delivery: name lookup, connection, TLS, request, status
_MAX_ADDRESSES = 4  # tried per name, each for its share of the time
_NUM_RESOLVERS = 32  # concurrent name lookups; the system's resolver blocks, for 10 s and more if it is down

_AddressesOf = Callable[..., Iterable[tuple[Any, ...]]]


class WebhookClient:
    """Posts deliveries, any number at once, each over its own connection. Used from one event loop."""

    def __init__(self, *, allows_private: bool, getaddrinfo: _AddressesOf = socket.getaddrinfo) -> None:
        """Take whether plain http and private addresses are allowed, and how names are looked up."""
        self._allows_private = allows_private
        # Its own threads: a slow name lookup must not delay those who read clips.
        self._threads = ThreadPoolExecutor(_NUM_RESOLVERS, thread_name_prefix="labeler-webhook-names")
        self._network = _CheckedNetwork(self._threads, getaddrinfo, allows_private=allows_private)
        self._tls: ssl.SSLContext | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Post a body; return the response's status, the only part that is read.

        Raises:
            InvalidInputError: the URL, or an address of its host, may not be called.
            UnavailableError: the receiver can't be reached, or didn't answer in time.
        """
        parsed = httpcore.URL(check_url(url, allows_private=self._allows_private))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._post(parsed, headers, body)
        except TimeoutError as err:
            raise UnavailableError(f"it did not answer within {TIMEOUT_S:g} s") from err
        except (OSError, ssl.SSLError, UnicodeError) as err:
            raise UnavailableError(str(err) or type(err).__name__) from err
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as err:
            raise UnavailableError(str(err) or type(err).__name__) from err

    def close(self) -> None:
        """End its threads once pending name lookups are done."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _post(self, url: httpcore.URL, headers: Mapping[str, str], body: bytes) -> int:
        if self._tls is None and url.scheme == b"https":
            loop = asyncio.get_running_loop()
            # Loading certifi's and the system's certificates takes a tenth of a second, so only when needed.
            self._tls = await loop.run_in_executor(self._threads, httpcore.default_ssl_context)
        connection = httpcore.AsyncHTTPConnection(
            origin=url.origin, ssl_context=self._tls, network_backend=self._network
        )
        async with (
            connection,
            connection.stream("POST", url, headers=list(headers.items()), content=body) as response,
        ):
            return int(response.status)


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Looks a name up for each connection, and connects to the very address that was checked.

    A second lookup by the library could return another address than the one checked.
    """

    def __init__(
        self, threads: ThreadPoolExecutor, getaddrinfo: _AddressesOf, *, allows_private: bool
    ) -> None:
        self._threads = threads
        self._getaddrinfo = getaddrinfo
        self._allows_private = allows_private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a name that accepts the connection.

        Raises:
            InvalidInputError: one of the addresses is not public.
            UnavailableError: none accepts it, or there is none.
        """
        addresses = await self._checked_addresses(host, port)
        failure: Exception = OSError("it has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout=TIMEOUT_S / len(addresses))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as err:
                failure = err
        reason = str(failure) or type(failure).__name__
        raise UnavailableError(f"{host}:{port} can't be reached: {reason}") from failure

    async def _checked_addresses(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._threads, lambda: list(self._getaddrinfo(host, port, type=socket.SOCK_STREAM))
            )
        except OSError as err:
            raise UnavailableError(f"the name {host} can't be looked up: {err.strerror or err}") from err
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        if not self._allows_private:
            for address in addresses:
                check_address(f"address of {host}", address)
        return addresses[:_MAX_ADDRESSES]
