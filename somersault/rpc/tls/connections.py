"""Counts connections that came to nothing: gRPC tells a server of no handshake that failed."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict

import prometheus_client
import structlog

from somersault.rpc import limits

__all__ = ["Connections"]

_log = structlog.get_logger()

_MAX_REMEMBERED = 65_536  # more than a server has connections

_BEGUN = prometheus_client.Counter(
    "somersault_rpc_connections_total", "Connections that were begun to ports that ask for certificates."
)
_FAILED = prometheus_client.Counter(
    "somersault_rpc_failed_connections_total",
    "Of these, those without a call: the handshake failed, or nothing was said.",
)


class Connections:
    """The connections to one server, from the first byte to the first call."""

    def __init__(self) -> None:
        """Begin without any."""
        self._lock = threading.Lock()
        self._num_begun = 0
        self._num_with_calls = 0
        self._num_failed = 0
        self._peers: OrderedDict[str, None] = OrderedDict()

    def began(self) -> None:
        """Count one that is about to shake hands. Any thread may say so."""
        with self._lock:
            self._num_begun += 1
        _BEGUN.inc()

    def called(self, peer: str) -> None:
        """Count one over which a call came, if it is the first one."""
        if peer in self._peers:
            return
        self._peers[peer] = None
        self._num_with_calls += 1
        if len(self._peers) > _MAX_REMEMBERED:
            self._peers.popitem(last=False)

    async def report(self, *, interval_s: float = limits.HANDSHAKE_TIMEOUT_MS / 1000) -> None:
        """Count and log those that have come to nothing, until cancelled.

        Args:
            interval_s: How often; also what a connection has for its handshake and first call, at the least.
        """
        num_old = self._num_begun
        while True:
            await asyncio.sleep(interval_s)
            num_failed = num_old - self._num_with_calls - self._num_failed
            if num_failed > 0:
                self._num_failed += num_failed
                _FAILED.inc(num_failed)
                _log.warning("connections_failed", number=num_failed, reason=_REASON)
            num_old = self._num_begun


_REASON = "no call came: no certificate, one that has expired or is another authority's, no TLS, or silence"
