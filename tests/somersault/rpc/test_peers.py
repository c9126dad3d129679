"""Addresses of peers, as gRPC tells them."""

from __future__ import annotations

import pytest

from somersault.rpc.peers import address_of, network_of


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:5000", "192.0.2.1"),
        ("ipv6:[2001:db8::1]:5000", "2001:db8::1"),
        ("ipv6:%5B2001:db8::1%5D:5000", "2001:db8::1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:5000", "fe80::1%eth0"),
        ("unix:", "unix:"),
        ("", ""),
    ],
)
def test_an_address_is_taken_out(peer: str, address: str) -> None:
    """In each form that gRPC has had."""
    assert address_of(peer) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", None),
        ("", None),
        ("192.0.2.1, 192.0.2.2", None),
    ],
)
def test_of_ipv6_a_network_is_one(address: str, network: str | None) -> None:
    """Whoever has one address of it has them all."""
    assert network_of(address) == network
