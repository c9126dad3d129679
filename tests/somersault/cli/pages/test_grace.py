"""How long the pages are kept up at a run's end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest

from somersault.cli.pages import grace
from somersault.cli.pages.client import WebAddress, answers_healthily, read_idle_s


@contextlib.asynccontextmanager
async def gateway(idle_s: Callable[[], float | None]) -> AsyncIterator[WebAddress]:
    """A gateway that says how long no page has asked."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        is_owner = "Authorization: Bearer owner" in head
        value = idle_s()
        body = f'{{"idleS": {"null" if value is None else value}}}'.encode()
        status = "200 OK" if is_owner or "/healthz" in head else "401 Unauthorized"
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield WebAddress(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times of a test."""
    for name, value in (("_POLL_S", 0.05), ("_LEAST_S", 0.2), ("_QUIET_S", 0.3), ("GRACE_S", 1.0)):
        monkeypatch.setattr(grace, name, value)


@pytest.mark.parametrize(("idle_s", "is_open"), [(None, False), (0.0, True), (20.0, True), (600.0, False)])
async def test_a_page_is_open_if_it_asked_lately(idle_s: float | None, is_open: bool) -> None:
    """Nobody waits for pages that were never opened, or were closed long ago."""
    async with gateway(lambda: idle_s) as web:
        assert await grace.has_open_pages(web, token="owner") == is_open


async def test_it_ends_early_once_no_page_asks_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that has what it needs stops asking: long before the longest wait is over."""
    monkeypatch.setattr(grace, "GRACE_S", 60.0)
    began = time.monotonic()
    async with gateway(lambda: max(0.0, time.monotonic() - began - 0.3)) as web:
        await grace.wait_for_pages(web, token="owner")
    assert 0.5 < time.monotonic() - began < 30


async def test_a_page_that_asks_on_and_on_is_not_waited_for_for_ever() -> None:
    """A run page left open somewhere does not keep the run from ending."""
    began = time.monotonic()
    async with gateway(lambda: 0.0) as web, asyncio.timeout(30):
        await grace.wait_for_pages(web, token="owner")
    assert time.monotonic() - began >= 1.0


async def test_a_gateway_that_is_away_or_refuses_tells_nothing() -> None:
    """It is not waited for."""
    async with gateway(lambda: 1.0) as web:
        assert await answers_healthily(web)
        assert await read_idle_s(web, token="owner") == 1.0
        assert await read_idle_s(web, token="stranger") is None
    assert not await answers_healthily(web)
    assert await read_idle_s(web, token="owner") is None
