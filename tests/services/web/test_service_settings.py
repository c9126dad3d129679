"""The gateway does what the settings that every service has say, or refuses them.

Kind: a setting that is taken and has no effect.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import grpc.aio
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.web.config import WebConfig
from services.web.serving import browser_certificate, connections
from services.web.serving.browser_certificate import BrowserCertificate
from somersault.errors import ConfigError
from somersault.rpc import limits
from somersault.runtime.config import load_config
from tests.services.web.certificates import write_certificate
from tests.services.web.gateways import serving_gateway

_Ask = Callable[..., Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

_NO_LABELER = "127.0.0.1:1"
_HEALTH = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
_CALL = (
    b"POST /somersault.v1.LabelerService/WhoAmI HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer x\r\n"
    b"content-type: application/json\r\ncontent-length: 2\r\n\r\n{"
)


@pytest_asyncio.fixture(loop_scope="session")
async def ask() -> AsyncIterator[_Ask]:
    """Connect to a gateway and send something; all hang up at the end."""
    opened: list[asyncio.StreamWriter] = []

    async def connect(
        url: str, sent: bytes, *, tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        place = urlsplit(url)
        reader, writer = await asyncio.open_connection(place.hostname, place.port, ssl=tls)
        opened.append(writer)
        writer.write(sent)
        return reader, writer

    yield connect
    for writer in opened:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        (["--identity-prefixes", "spiffe://example.org/"], "identity_prefixes"),
        (["--has-reflection"], "has_reflection"),
    ],
)
def test_what_means_nothing_here_is_refused(flags: list[str], field: str) -> None:
    """Browsers show no certificate, and speak no gRPC."""
    with pytest.raises(ConfigError, match=field):
        load_config(WebConfig, ["--labeler-address", _NO_LABELER, *flags])


async def test_health_has_a_port_of_its_own(free_port: int) -> None:
    """As at every other service, and nothing answers there once the gateway has ended."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{free_port}") as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        async with serving_gateway(_NO_LABELER, health_port=free_port):
            answer = await check(health_pb2.HealthCheckRequest(), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError):
            await check(health_pb2.HealthCheckRequest(), timeout=2)


async def test_a_busy_health_port_is_refused(free_port: int) -> None:
    """By its number, before the pages are said to be served."""
    async with serving_gateway(_NO_LABELER, health_port=free_port):
        with pytest.raises(ConfigError, match=f"port {free_port} "):
            async with serving_gateway(_NO_LABELER, health_port=free_port):
                pass


async def test_an_old_connection_ends_between_requests(ask: _Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that says nothing, and one after the request that was on its way; a new one is served."""
    monkeypatch.setattr(connections, "_SWEEP_S", 0.05)
    async with serving_gateway(_NO_LABELER, max_connection_age_s=1) as url, asyncio.timeout(30):
        idle, _ = await ask(url, _HEALTH)
        assert await idle.readuntil(b"ok\n")
        busy, to_busy = await ask(url, _CALL)
        assert await idle.read() == b""
        to_busy.write(b"}")
        assert b"can't be reached" in await busy.read()  # answered, and then at its end
        again, _ = await ask(url, _HEALTH)
        assert await again.readuntil(b"ok\n")


async def test_a_request_that_never_ends_has_a_minute_more(
    ask: _Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then its connection is cut."""
    monkeypatch.setattr(connections, "_SWEEP_S", 0.05)
    monkeypatch.setattr(limits, "CONNECTION_END_S", 0.5)
    async with serving_gateway(_NO_LABELER, max_connection_age_s=1) as url, asyncio.timeout(30):
        began = time.monotonic()
        busy, _ = await ask(url, _CALL)
        with contextlib.suppress(ConnectionError):
            assert await busy.read() == b""
        assert time.monotonic() - began > 1.4


async def test_a_new_certificate_is_shown_without_a_restart(
    ask: _Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a connection stands; half of a pair is not taken, and a browser need name no host."""
    monkeypatch.setattr(browser_certificate, "POLL_S", 0.05)
    certificate, key = write_certificate(tmp_path)
    settings = {"tls_certificate_path": certificate, "tls_key_path": key}
    async with serving_gateway(_NO_LABELER, **settings) as url, asyncio.timeout(30):
        first = await _shown(ask, url)
        standing, to_standing = await ask(url, _HEALTH, tls=_blind())
        assert await standing.readuntil(b"ok\n")
        (tmp_path / "new").mkdir()
        newer, newer_key = write_certificate(tmp_path / "new")
        newer.replace(certificate)
        await asyncio.sleep(0.2)
        assert await _shown(ask, url) == first
        newer_key.replace(key)
        while (second := await _shown(ask, url)) == first:
            await asyncio.sleep(0.05)
        assert second == ssl.PEM_cert_to_DER_cert(certificate.read_text())
        to_standing.write(_HEALTH)
        assert await standing.readuntil(b"ok\n")


def test_a_key_with_a_password_is_refused_without_asking(tmp_path: Path) -> None:
    """OpenSSL would ask on the terminal, and a service wait for ever."""
    certificate, key = write_certificate(tmp_path, password=b"x")
    with pytest.raises(OSError, match=r".+"):
        BrowserCertificate(certificate, key)


def _blind() -> ssl.SSLContext:
    """Trust anyone, to see what is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _shown(ask: _Ask, url: str) -> bytes | None:
    _, writer = await ask(url, b"", tls=_blind())
    shown: bytes | None = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    return shown
