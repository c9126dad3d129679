"""Which addresses a webhook may call: public ones over https, unless a setting allows any."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from somersault.errors import InvalidInputError

__all__ = ["check_address", "check_url"]

MAX_URL = 2000
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # global unicast, RFC 4291, section 2.4
# Missing from the tables of some Python versions: protocol assignments, 6to4 and its relays, documentation.
_OTHERS = tuple(
    map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2001::/23", "2002::/16", "3fff::/20"))
)


def check_url(url: str, *, allows_private: bool) -> str:
    """Return a URL if it may be called.

    A name's addresses are checked when it is called, by `check_address`; here only addresses are checked that are
    written out, in any form that the system's resolver understands.

    Raises:
        InvalidInputError: it may not be called; says why.
    """
    schemes = ("https", "http") if allows_private else ("https",)
    if not 1 <= len(url) <= MAX_URL:
        raise InvalidInputError("length of url", len(url), f"1 to {MAX_URL} characters")
    if not (url.isascii() and url.isprintable()) or " " in url:
        raise InvalidInputError("url", url, "of printable ASCII without spaces; write a name as xn--…")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as err:
        raise InvalidInputError("url", url, f"a URL ({err})") from err
    if parts.scheme not in schemes:
        bound = " or ".join(f"{scheme}://" for scheme in schemes)
        raise InvalidInputError("url", url, f"one that begins with {bound}")
    if "@" in parts.netloc:
        # Not repeated: it may hold a password.
        raise InvalidInputError("url holds credentials: leave them out, deliveries are signed instead")
    if not host or "%" in host:
        raise InvalidInputError("url", url, "one that names a host")
    if port == 0:
        raise InvalidInputError("port of url", port, "1 to 65535")
    if parts.fragment:
        raise InvalidInputError("url", url, "one without a fragment (#…)")
    if not allows_private and (address := _written_address(host)):
        check_address("url", address)
    return url


def check_address(field: str, address: str) -> None:
    """Check that an address is public.

    Refuses what RFC 6890's registries call not globally reachable (loopback, private, link-local, 100.64/10,
    unspecified, documentation), and also multicast, reserved, and IPv6 addresses that stand for IPv4 ones.

    Raises:
        InvalidInputError: it isn't an address, or isn't public.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError as err:
        raise InvalidInputError(field, address, "an IP address") from err
    is_unicast = ip in _GLOBAL_UNICAST if ip.version == 6 else not (ip.is_multicast or ip.is_reserved)
    if not (is_unicast and ip.is_global) or any(ip in network for network in _OTHERS):
        raise InvalidInputError(field, address, "a public address; no private, local or reserved one")


def _written_address(host: str) -> str | None:
    """Return the address that a host is written as (127.0.0.1, 127.1, 2130706433, ::1); None for a name."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return None
    return str(found[0][4][0])
