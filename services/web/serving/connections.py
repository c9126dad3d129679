"""Who may hold connections: so many in all, fair shares for each address, time limits for those that say nothing.

A connection costs little but can be held for nothing. When there are as many as there may be, a new one takes the place of one
that is between requests, of the address that holds most; an address that holds more than its share loses busy ones too. A
connection that finds no place is served ``/healthz`` alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from somersault.rpc import limits

__all__ = ["MAX_CONNECTIONS", "Connection", "Connections", "Listener"]

MAX_CONNECTIONS = 1024
"""Each labeling page holds one long poll and a few short calls."""

_EXTRA = 64  # for /healthz, when all places are taken
_HEADERS_S = 10.0  # from a connection's first moment to its request, TLS's handshake included
_STALLED_S = 60.0  # for a reader to take 64 KiB
_SWEEP_S = 1.0


@dataclass(slots=True, eq=False)
class Connection:
    """One connection, from the moment it is accepted. Whoever reads from it says what it is doing."""

    accepted: socket.socket
    address: str
    has_place: bool = True
    """Whether it may ask for more than ``/healthz``."""
    begun_s: float = field(default_factory=time.monotonic)
    waits_since_s: float | None = field(default_factory=time.monotonic)
    """Since when it owes a whole request; None while one is served, or before the next one begins."""
    stalled_since_s: float | None = None
    """Since when it takes nothing of what is sent."""
    is_busy: bool = False
    """Whether a request is being served."""
    transport: asyncio.Transport | None = None
    """What reads from it, once TLS's handshake is over."""

    @property
    def is_open(self) -> bool:
        """Whether it holds a file descriptor."""
        return self.accepted.fileno() >= 0

    def is_late(self, now_s: float) -> bool:
        """Return whether one of its time limits has passed."""
        waits = self.waits_since_s is not None and now_s - self.waits_since_s > _HEADERS_S
        return waits or (self.stalled_since_s is not None and now_s - self.stalled_since_s > _STALLED_S)

    def cut(self) -> None:
        """End it at once, whatever waits to be sent."""
        if self.transport is not None:
            self.transport.abort()
            return
        with contextlib.suppress(OSError):
            self.accepted.shutdown(socket.SHUT_RDWR)  # what shakes hands sees the end and closes it


class Connections:
    """All connections of a gateway. Used from one event loop."""

    def __init__(self, *, max_connections: int = MAX_CONNECTIONS, max_age_s: float | None = None) -> None:
        """Begin without any.

        Args:
            max_connections: How many there may be.
            max_age_s: How old one may become; a request that is being served then has `limits.CONNECTION_END_S` more.
        """
        self._max, self._max_age_s = max_connections, max_age_s
        self._held: dict[int, Connection] = {}
        """By file descriptor, oldest first; those that have been closed since are dropped when it matters."""

    def add(self, accepted: socket.socket, address: str) -> None:
        """Take a connection that has just been accepted, and end another one if there are too many."""
        self._held.pop(accepted.fileno(), None)  # a descriptor that was used before
        new = Connection(accepted, address)
        if len(self._held) >= self._max:
            self._forget_closed()
        if len(self._held) >= self._max:
            self._make_room(new)
        self._held[accepted.fileno()] = new

    def find(self, transport: asyncio.Transport) -> Connection:
        """Return the connection that a transport reads from."""
        accepted = transport.get_extra_info("socket")
        connection = self._held.get(accepted.fileno())
        if connection is None:  # many came at once, and it gave way before anything was read from it
            connection = Connection(accepted, "", has_place=False)
            transport.abort()
        connection.transport = transport
        return connection

    async def sweep(self) -> None:
        """End those that are late, until cancelled."""
        while True:
            await asyncio.sleep(_SWEEP_S)
            self._forget_closed()
            now_s = time.monotonic()
            for connection in [one for one in self._held.values() if self._is_over(one, now_s)]:
                connection.cut()

    def is_old(self, connection: Connection, *, grace_s: float = 0.0) -> bool:
        """Return whether a connection is to end once it isn't busy."""
        if self._max_age_s is None:
            return False
        return time.monotonic() - connection.begun_s > self._max_age_s + grace_s

    def _is_over(self, connection: Connection, now_s: float) -> bool:
        grace_s = limits.CONNECTION_END_S if connection.is_busy else 0.0
        return connection.is_late(now_s) or self.is_old(connection, grace_s=grace_s)

    def _make_room(self, new: Connection) -> None:
        placed = [one for one in self._held.values() if one.has_place]
        if len(placed) < self._max:
            return
        victim = self._victim(placed, new)
        if victim is None:
            new.has_place = False
            extra = [one for one in self._held.values() if not one.has_place]
            victim = extra[0] if len(extra) >= _EXTRA else None
        if victim is not None:
            self._held.pop(victim.accepted.fileno(), None)
            victim.cut()

    def _victim(self, placed: list[Connection], new: Connection) -> Connection | None:
        held = Counter(one.address for one in placed) + Counter([new.address])
        greediest = max(held, key=lambda address: held[address])
        its = [one for one in placed if one.address == greediest]
        idle = next((one for one in its if not one.is_busy), None)
        has_more_than_its_share = greediest != new.address and len(its) > self._max // len(held)
        return its[0] if idle is None and has_more_than_its_share else idle

    def _forget_closed(self) -> None:
        self._held = {number: one for number, one in self._held.items() if one.is_open}


class Listener(socket.socket):
    """A listening socket that has each connection counted before anything is read from it."""

    connections: Connections

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept one."""
        accepted, address = super().accept()
        self.connections.add(accepted, str(address[0]))
        return accepted, address
