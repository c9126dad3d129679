"""Finds loopback ports that services can keep for a run's life."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from somersault.errors import ConfigError, UnavailableError

__all__ = ["LOOPBACK", "check_web_address", "choose_ports", "is_free"]

LOOPBACK = "127.0.0.1"

_FIRST_PORT = 10_000
_TRIES_A_PORT = 200
_RANGE_FILE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Return whether a service could listen on a port now."""
    try:
        with _listening(port, host=host):
            return True
    except OSError:
        return False


def check_web_address(host: str, port: int) -> None:
    """Check that the pages can be served at a host and port.

    Raises:
        ConfigError: the host isn't this machine's, or the port is in use.
    """
    try:
        with _listening(0, host=host):
            pass
    except OSError as error:
        raise ConfigError(
            f"--host {host} can't be listened on ({error.strerror}); give an address of this machine, 0.0.0.0 or ::"
        ) from error
    if not is_free(port, host=host):
        raise ConfigError(
            f"--web-port {port} is in use by another program on {host}, or needs root; choose another, or leave it"
            " out for a free one"
        )


def choose_ports(count: int, *, besides: Collection[int] = ()) -> list[int]:
    """Return that many different free ports outside the range of ephemeral ports.

    Otherwise a client that dials a restarting service could get that service's port as its own local port: TCP would
    connect it to itself, and the service couldn't come back.

    Args:
        count: How many.
        besides: Ports that are taken, although nobody listens there yet.

    Raises:
        UnavailableError: there aren't enough.
    """
    candidates = range(_FIRST_PORT, _first_ephemeral_port())
    # Not the run's generator: which ports are free differs from machine to machine.
    draw = random.SystemRandom()
    ports: list[int] = []
    with ExitStack() as held:
        for _ in range(_TRIES_A_PORT * count):
            if len(ports) == count:
                break
            port = draw.choice(candidates)
            if port in besides:
                continue
            try:
                held.enter_context(_listening(port))
            except OSError:
                continue
            ports.append(port)
    if len(ports) < count:
        raise UnavailableError(
            f"no {count} free ports between {candidates.start} and {candidates.stop} on {LOOPBACK};"
            " end programs that listen there"
        )
    return ports


def _listening(port: int, *, host: str = LOOPBACK) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # As servers do: a port whose last connections are in TIME_WAIT can be used.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener


def _first_ephemeral_port() -> int:
    try:
        first = int(_RANGE_FILE.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        first = 32_768  # Linux's own default
    return first if first > _FIRST_PORT + 1000 else 65_536
