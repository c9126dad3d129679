"""Where calls come from: addresses, as gRPC and gateways tell them."""

from __future__ import annotations

import ipaddress
from urllib.parse import unquote

__all__ = ["PEER_KEY", "address_of", "network_of"]

PEER_KEY = "somersault-peer"
"""The metadata in which the gateway tells the labeler its caller's address."""

_IPV6_PREFIX = 64  # what one household or machine is given, and may choose among


def address_of(peer: str) -> str:
    """Return the address in what a call's context says of its peer, ``ipv4:192.0.2.1:5000`` or ``ipv6:%5B::1%5D:5000``.

    A peer without one, such as a Unix socket's, is its own address.
    """
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    return unquote(rest).rpartition(":")[0].strip("[]")


def network_of(address: str) -> str | None:
    """Return what an address shares with all that its holder may choose among: of IPv6 the first 64 bits.

    None if it is no address.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    chosen = 128 - _IPV6_PREFIX
    return f"{ipaddress.IPv6Address(int(parsed) >> chosen << chosen)}/{_IPV6_PREFIX}"
