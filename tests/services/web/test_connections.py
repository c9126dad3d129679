"""Connections that say nothing, a little, or nonsense keep nobody else from the gateway. By raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio

from services.web.serving import connections as module
from services.web.serving.connections import Connections
from tests.services.web.gateways import serving_gateway

HEALTH = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
PAGE = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
CALL = b"POST /somersault.v1.LabelerService/WhoAmI HTTP/1.1\r\nhost: localhost\r\n"
JSON = b"content-type: application/json\r\n"

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Gateway:
    """Opens raw connections to a gateway."""

    def __init__(self, url: str) -> None:
        """Take its address."""
        self._host, self._port = str(urlsplit(url).hostname), urlsplit(url).port
        self._opened: list[asyncio.StreamWriter] = []

    async def open(self, sent: bytes = b"", *, source: str = "127.0.0.1") -> Opened:
        """Connect from an address and send something."""
        reader, writer = await asyncio.open_connection(self._host, self._port, local_addr=(source, 0))
        self._opened.append(writer)
        writer.write(sent)
        await writer.drain()
        return reader, writer

    async def answer(self, sent: bytes, *, source: str = "127.0.0.1", timeout_s: float = 5) -> bytes:
        """Return the status line of what is answered; b"" if the connection ends without."""
        reader, _ = await self.open(sent, source=source)
        return await _line(reader, timeout_s=timeout_s)

    async def close(self) -> None:
        """Hang up."""
        for writer in self._opened:
            writer.transport.abort()


async def _line(reader: asyncio.StreamReader, *, timeout_s: float = 5) -> bytes:
    async with asyncio.timeout(timeout_s):
        with contextlib.suppress(ConnectionError):
            return (await reader.readline()).strip()
    return b""


@pytest_asyncio.fixture(loop_scope="session")
async def gateway(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    """A gateway before no labeler, with few places and little patience."""
    monkeypatch.setattr(Connections.__init__, "__kwdefaults__", {"max_connections": 20})
    monkeypatch.setattr(module, "_HEADERS_S", 0.5)
    monkeypatch.setattr(module, "_STALLED_S", 0.5)
    monkeypatch.setattr(module, "_SWEEP_S", 0.1)
    async with serving_gateway("127.0.0.1:1") as url:
        opened = Gateway(url)
        yield opened
        await opened.close()


async def test_silent_connections_keep_nobody_out(gateway: Gateway) -> None:
    """Ten times as many as there may be, of one address: pages and health are served, at that address too."""
    for _ in range(200):
        await gateway.open()
    for source in ("127.0.0.1", "127.0.0.2"):
        assert await gateway.answer(HEALTH, source=source) == b"HTTP/1.1 200 OK"
        assert await gateway.answer(PAGE, source=source) == b"HTTP/1.1 200 OK"


async def test_many_that_come_at_once_fail_nothing(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    """Those that give way before anything was read from them are ended, and nothing else happens."""
    await asyncio.gather(*(gateway.open(b"GET") for _ in range(90)), return_exceptions=True)
    assert await gateway.answer(HEALTH) == b"HTTP/1.1 200 OK"
    assert [record for record in caplog.records if record.name == "asyncio"] == []


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"GET / HTTP/1.1\r\nhost: localhost\r\nx: ",
        PAGE + b"GET",
        CALL + b"content-length: 50\r\n\r\n{",
    ],
)
async def test_who_owes_a_request_is_cut_off(gateway: Gateway, sent: bytes) -> None:
    """Also who sends a byte now and then, the first time or later; and who goes on with a body that was refused."""
    reader, writer = await gateway.open(sent)

    async def drip() -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.sleep(0.1)
                writer.write(b"x")
                await writer.drain()

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(3):
        with contextlib.suppress(ConnectionError):
            await reader.read()
    dripping.cancel()


async def test_a_connection_between_requests_may_wait(gateway: Gateway) -> None:
    """Browsers reuse it."""
    reader, writer = await gateway.open(HEALTH)
    assert await _line(reader) == b"HTTP/1.1 200 OK"
    await asyncio.sleep(1)
    await reader.read(1000)
    writer.write(HEALTH)
    assert await _line(reader) == b"HTTP/1.1 200 OK"


async def test_who_holds_most_gives_way(gateway: Gateway) -> None:
    """Even busy connections: the slow bodies of one address leave room for the pages of another, and health for all."""
    for _ in range(60):
        await gateway.open(CALL + JSON + b"content-length: 50\r\nauthorization: Bearer x\r\n\r\n{")
    await asyncio.sleep(0.1)
    assert await gateway.answer(PAGE, source="127.0.0.2") == b"HTTP/1.1 200 OK"
    assert await gateway.answer(HEALTH) == b"HTTP/1.1 200 OK"
    await gateway.open(CALL + JSON + b"content-length: 50\r\nauthorization: Bearer x\r\n\r\n{")
    assert await gateway.answer(PAGE) == b"HTTP/1.1 503 Service Unavailable"


async def test_a_reader_that_takes_nothing_is_cut_off(gateway: Gateway) -> None:
    """What it asked for is more than the system's buffers hold."""
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    narrow.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(narrow, (gateway._host, gateway._port))
    await loop.sock_sendall(narrow, b"GET /static/markdown.js HTTP/1.1\r\nhost: localhost\r\n\r\n" * 200)
    await asyncio.sleep(2)
    num_bytes = 0
    with contextlib.suppress(ConnectionError):
        while part := await asyncio.wait_for(loop.sock_recv(narrow, 1 << 20), 5):
            num_bytes += len(part)
    narrow.close()
    assert 0 < num_bytes < 200 * 50_000


async def test_who_closes_its_half_ends_its_call_alone(gateway: Gateway) -> None:
    """Nothing is left behind."""
    reader, writer = await gateway.open(CALL)
    writer.write_eof()
    assert await _line(reader) == b""
    assert await gateway.answer(HEALTH) == b"HTTP/1.1 200 OK"


HOST = b"host: localhost\r\n"
MALFORMED = {
    "a bare line feed": b"GET /healthz HTTP/1.1\nhost: localhost\n\n",
    "a bare line feed after a header": b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: y\nz: 1\r\n\r\n",
    "a zero byte": b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: \x00\r\n\r\n",
    "both lengths": CALL
    + JSON
    + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "two lengths": CALL + JSON + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "a length that is none": CALL + JSON + b"content-length: -1\r\n\r\n",
    "a folded header": b"GET /healthz HTTP/1.1\r\n" + HOST + b"x: a\r\n  b\r\n\r\n",
    "a blank before the colon": b"GET /healthz HTTP/1.1\r\nhost : localhost\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "a head of 100 kB": b"GET / HTTP/1.1\r\n" + HOST + b"x: " + b"y" * 100_000 + b"\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\n" + HOST + b"x: y\r\n" * 1000 + b"\r\n",
    "another coding": CALL + JSON + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_no_request_is_refused(gateway: Gateway, name: str) -> None:
    """In plain words, the connection ends, and the next one is fine."""
    reader, _ = await gateway.open(MALFORMED[name])
    async with asyncio.timeout(5):
        answer = await reader.read()
    status = answer.split(b"\r\n")[0]
    assert status[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 431", b"HTTP/1.1 501", b"HTTP/1.1 421"), answer
    for word in (b"Traceback", b"h11", b"uvicorn", b"/services/"):
        assert word not in answer
    assert await gateway.answer(HEALTH) == b"HTTP/1.1 200 OK"
