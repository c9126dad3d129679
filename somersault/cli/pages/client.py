"""HTTP client of the web gateway, with the standard library only."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass

from somersault.formats.strict_json import load_json
from somersault.runtime.addresses import split_address

__all__ = ["WebAddress", "answers_healthily", "read_idle_s"]

_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class WebAddress:
    """The gateway's address."""

    address: str
    """``host:port``."""
    is_tls: bool = False


async def answers_healthily(web: WebAddress) -> bool:
    """Return whether the gateway is healthy."""
    try:
        return (await _get(web, "/healthz", token=None))[0] == b"200"
    except (OSError, TimeoutError):
        return False


async def read_idle_s(web: WebAddress, *, token: str) -> float | None:
    """Return the seconds since a page's last request, 0 while one is open; None if there was none or the gateway is down.

    Args:
        web: The gateway.
        token: An owner's token.
    """
    try:
        status, body = await _get(web, "/activity", token=token)
        idle_s = load_json(body)["idleS"] if status == b"200" else None
    except (OSError, TimeoutError, ValueError, KeyError, TypeError):
        return None
    return None if idle_s is None else float(idle_s)


async def _get(web: WebAddress, path: str, *, token: str | None) -> tuple[bytes, bytes]:
    """Return the response's status and body."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {web.address}", "Connection: close"]
    if token is not None:
        lines.append(f"Authorization: Bearer {token}")
    host, port = split_address("address", web.address)
    async with asyncio.timeout(_TIMEOUT_S):
        reader, writer = await asyncio.open_connection(host, port, ssl=_tls() if web.is_tls else None)
        try:
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split()[1] if len(head.split()) > 1 else b"", body


def _tls() -> ssl.SSLContext:
    """Return a context that accepts any certificate: the peer is our own process, and its certificate names the public host."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
