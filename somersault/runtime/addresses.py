"""Hosts and ``host:port``, where IPv6 addresses are in brackets."""

from __future__ import annotations

import ipaddress
import re

from somersault.domain.bounds import MAX_PORT
from somersault.errors import InvalidInputError

__all__ = [
    "check_address",
    "check_host",
    "format_address",
    "is_ipv6",
    "is_loopback",
    "is_numeric",
    "split_address",
]

_MAX_HOST = 253  # RFC 1035, section 2.3.4, without the length bytes
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_SCOPE = re.compile(r"[A-Za-z0-9._-]{1,32}")  # of a link-local address: an interface's name
_HOST_RULE = "a host name, an IPv4 address or an IPv6 address such as ::1"
_ADDRESS_RULE = "host:port, where an IPv6 address is in brackets: [::1]:7003"


def check_host(field: str, host: str) -> str:
    """Return a host as sockets take it: an IPv6 address without its brackets.

    Raises:
        InvalidInputError: it is neither a name nor an address.
    """
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if is_ipv6(bare):
        return bare
    if bare != host or len(host) > _MAX_HOST or not _NAME.fullmatch(host) or not _is_ipv4_if_numbers(host):
        raise InvalidInputError(field, host, _HOST_RULE)
    return host


def check_address(field: str, address: str) -> str:
    """Return a ``host:port`` that can be dialled.

    Raises:
        InvalidInputError: it can't; the message says what form it must have.
    """
    split_address(field, address)
    return address


def split_address(field: str, address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``.

    Raises:
        InvalidInputError: it isn't; the message says what form it must have.
    """
    host, colon, port = address.rpartition(":")
    is_bare_ipv6 = ":" in host and not host.startswith("[")
    if not colon or is_bare_ipv6 or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= MAX_PORT:
        raise InvalidInputError(field, address, f"{_ADDRESS_RULE}, with a port of 1 to {MAX_PORT}")
    return check_host(f"host of {field}", host), int(port)


def format_address(host: str, port: int) -> str:
    """Return ``host:port``, as it is dialled and written in URLs."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_ipv6(host: str) -> bool:
    """Return whether a host is an IPv6 address, perhaps with the interface it is on (``fe80::1%eth0``)."""
    bare, percent, scope = host.partition("%")
    try:
        ipaddress.IPv6Address(bare)
    except ValueError:
        return False
    return not percent or _SCOPE.fullmatch(scope) is not None


def is_numeric(host: str) -> bool:
    """Return whether a host is an address instead of a name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine alone: what is sent there leaves it on no wire."""
    if not is_numeric(host):
        return host.rstrip(".").lower() == "localhost"
    address = ipaddress.ip_address(host.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _is_ipv4_if_numbers(host: str) -> bool:
    """Return False for something that only looks like an IPv4 address, such as 127.0.0.256 or 8080."""
    if not re.fullmatch(r"[0-9.]+", host):
        return True
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return True
