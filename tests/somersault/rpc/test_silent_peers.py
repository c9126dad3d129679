"""Peers that connect and say nothing, or half of a handshake, delay nobody else and are hung up on. By raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import statistics
import time
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from somersault.rpc import bind, create_server
from somersault.rpc import server as server_module
from somersault.rpc.server import serve_health
from tests.certificates import Authority

NUM_PEERS = 300
HANDSHAKE_S = 3.0

HALF_A_PREFACE = b"PRI * HTTP/2.0\r\n"
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
SETTINGS_ALONE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
HALF_A_CALL = (
    SETTINGS_ALONE + b"\x00\x40\x00\x01\x00\x00\x00\x00\x01"
)  # a head of 16 kB, of which nothing comes

Port = tuple[int, bytes | None]  # and the authority, if it is encrypted


@pytest_asyncio.fixture(params=["plain", "tls"])
async def port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Port]:
    """A server with less patience than usual."""
    usual = [pair for pair in server_module._OPTIONS if pair[0] != "grpc.server_handshake_timeout_ms"]
    patience = ("grpc.server_handshake_timeout_ms", round(HANDSHAKE_S * 1000))
    monkeypatch.setattr(server_module, "_OPTIONS", [*usual, patience])
    server, credentials, trusted = create_server(), None, None
    if request.param == "tls":
        authority = Authority()
        certificate, key = authority.leaf("labeler")
        credentials, trusted = grpc.ssl_server_credentials([(key, certificate)]), authority.pem
    serve_health(server, [], has_reflection=False)
    number = bind(server, host="127.0.0.1", port=0, credentials=credentials)
    await server.start()
    yield number, trusted
    await server.stop(None)


def _channel(port: Port) -> grpc.aio.Channel:
    number, trusted = port
    own = [("grpc.use_local_subchannel_pool", 1)]
    if trusted is None:
        return grpc.aio.insecure_channel(f"127.0.0.1:{number}", options=own)
    credentials = grpc.ssl_channel_credentials(trusted)
    return grpc.aio.secure_channel(f"localhost:{number}", credentials, options=own)


@pytest.mark.alone
async def test_silent_peers_delay_nobody(port: Port) -> None:
    """With 300 of them, calls of others take at most 100 ms at the 99th percentile; all 300 are hung up on."""
    words = [b"", HALF_A_PREFACE, HALF_A_HELLO, SETTINGS_ALONE, HALF_A_CALL]
    peers = [socket.create_connection(("127.0.0.1", port[0])) for _ in range(NUM_PEERS)]
    for number, peer in enumerate(peers):
        peer.sendall(words[number % len(words)])
    taken_s = []
    async with _channel(port) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for _ in range(200):
            started_s = time.monotonic()
            await stub.Check(health_pb2.HealthCheckRequest(), timeout=10)
            taken_s.append(time.monotonic() - started_s)
    assert statistics.quantiles(taken_s[1:], n=100)[98] <= 0.1
    # Those that said their settings are connections, if not encrypted, and may be silent as long as pings are answered.
    must_end = [peer for number, peer in enumerate(peers) if number % len(words) < 3 or port[1] is not None]
    assert await asyncio.to_thread(_num_open, must_end, HANDSHAKE_S + 10) == 0
    for peer in peers:
        peer.close()


def _num_open(peers: list[socket.socket], timeout_s: float) -> int:
    """Return how many are still open after some time."""
    until_s, num_open = time.monotonic() + timeout_s, 0
    for peer in peers:
        try:
            while True:
                peer.settimeout(max(0.01, until_s - time.monotonic()))
                if not peer.recv(4096):
                    break
        except TimeoutError:
            num_open += 1
        except ConnectionError:
            pass
    return num_open


async def test_who_speaks_another_protocol_is_hung_up_on(port: Port) -> None:
    """HTTP/1, TLS where there is none, and none where there is."""
    for words in (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\x00" * 500, HALF_A_HELLO + b"\xff" * 600):
        reader, writer = await asyncio.open_connection("127.0.0.1", port[0])
        writer.write(words)
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(HANDSHAKE_S + 10):
                await reader.read()
        writer.close()
    async with _channel(port) as channel:
        await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)


async def test_no_old_tls_is_spoken(port: Port) -> None:
    """TLS 1.2 and 1.3."""
    if port[1] is None:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", port[0], ssl=context)
