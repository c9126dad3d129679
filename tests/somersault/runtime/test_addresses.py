"""Hosts and addresses, IPv6 among them."""

from __future__ import annotations

import asyncio
import socket

import pytest

from somersault.cli.services.ports import check_web_address, is_free
from somersault.errors import ConfigError, InvalidInputError
from somersault.rpc import bind, create_server, open_channel
from somersault.rpc.server import serve_health, set_serving
from somersault.runtime.addresses import check_host, format_address, split_address


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as listener:
            listener.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("host", "taken"),
    [
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("127.0.0.1", "127.0.0.1"),
        ("labels.example", "labels.example"),
        ("my_host", "my_host"),
    ],
)
def test_hosts_are_taken_as_sockets_want_them(host: str, taken: str) -> None:
    """Brackets belong to addresses with a port."""
    assert check_host("host", host) == taken


@pytest.mark.parametrize(
    "host",
    ["", "[::1", "::1]", "1.2.3", "256.0.0.1", "a b", "-a", "a..b", "::1:x", "http://a", "a" * 254, "8080"],
)
def test_what_is_no_host_is_refused(host: str) -> None:
    """With what would do."""
    with pytest.raises(
        InvalidInputError, match="must be a host name, an IPv4 address or an IPv6 address such as ::1"
    ):
        check_host("host", host)


@pytest.mark.parametrize(("host", "port"), [("::1", 1), ("127.0.0.1", 65_535), ("a.example", 443)])
def test_an_address_is_read_as_it_is_written(host: str, port: int) -> None:
    """Back and forth."""
    assert split_address("address", format_address(host, port)) == (host, port)


@pytest.mark.parametrize(
    "address", ["::1:7003", "::1", "[::1]", "a", "a:", ":1", "a:0", "a:65536", "a:1x", "a:\uff11"]
)
def test_what_is_no_address_is_refused_with_the_right_form(address: str) -> None:
    """An IPv6 address needs its brackets there."""
    with pytest.raises(InvalidInputError, match=r"\[::1\]:7003|host of address"):
        split_address("address", address)


@pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 here")
async def test_services_are_served_and_dialled_by_ipv6() -> None:
    """The bare host in settings, brackets in what is dialled."""
    server = create_server()
    health = serve_health(server, [], has_reflection=False)
    port = bind(server, host="::1", port=0)
    await server.start()
    await set_serving(health, [], is_serving=True)
    try:
        assert not is_free(port, host="::1")
        async with open_channel(format_address("::1", port)) as channel:
            await asyncio.wait_for(channel.channel_ready(), 20)
    finally:
        await server.stop(None)


@pytest.mark.skipif(not _has_ipv6(), reason="no IPv6 here")
def test_a_port_in_use_on_another_address_is_free_on_this() -> None:
    """Pages are looked for where they are to be served."""
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        check_web_address("127.0.0.1", port)
        with pytest.raises(ConfigError, match=f"--web-port {port} is in use by another program on ::1"):
            check_web_address("::1", port)
