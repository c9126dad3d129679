"""Connections to an S3 server on which one try of an operation ends in time, however slowly the server answers.

A timeout between two packets doesn't end an answer that comes byte by byte, nor one that takes another page for ever.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any, Self

import urllib3
import urllib3.connection

__all__ = ["Try", "connections"]

_CONNECT_TIMEOUT_S = 3.0
_NUM_KEPT = 16  # connections kept; more threads than that still work, each on a fresh one
_SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    # A peer that vanished says nothing. These notice it within 10 s, also while the connection is idle, so that
    # none of those kept is tried, each for its whole timeout, once the network is back.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000),
]

_of_thread = threading.local()


class Try:
    """One try of an operation by the thread that enters it; after its time, what it is connected to is shut down."""

    def __init__(self, *, timeout_s: float) -> None:
        """Take its time."""
        self.is_cut = False
        """Whether its time was up before it ended, so that what it returned may be half of an answer."""
        self._lock = (
            threading.Lock()
        )  # guards _socket and is_cut: it mustn't cut who is given the connection next
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(timeout_s, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Begin."""
        _of_thread.current = self
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""
        self._timer.cancel()
        with self._lock:
            self._socket = None
        _of_thread.current = None

    def note(self, connected: socket.socket) -> None:
        """Note the connection that is used from now on.

        Raises:
            TimeoutError: The time is up.
        """
        with self._lock:
            if self.is_cut:
                raise TimeoutError
            self._socket = connected

    def _cut(self) -> None:
        with self._lock:
            self.is_cut = True
            if self._socket is not None:
                with contextlib.suppress(OSError):
                    # Not TLS's own shutdown: that would pass what is still received on as if it were plain.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


class _Connection(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        super().connect()
        _note(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _note(self.sock)
        super().request(*args, **kwargs)


class _TlsConnection(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _note(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        _note(self.sock)
        super().request(*args, **kwargs)


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def connections(*, read_timeout_s: float) -> urllib3.PoolManager:
    """Return a client that repeats nothing, and gives up a server that is silent for that long."""
    manager = urllib3.PoolManager(
        timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=read_timeout_s),
        retries=False,  # `S3Store` repeats whole operations, reading the body included
        maxsize=_NUM_KEPT,
        socket_options=_SOCKET_OPTIONS,
    )
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager


def _note(connected: socket.socket | None) -> None:
    current: Try | None = getattr(_of_thread, "current", None)
    if current is not None and connected is not None:
        current.note(connected)
