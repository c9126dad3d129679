"""What every request passes first: its host name is checked, protective headers are added, failures are logged."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard"]

_log = structlog.get_logger()

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# Orchestrators ask at a pod's address, which no setting can know; the response reveals nothing.
_UNGUARDED_PATHS = frozenset({"/healthz"})

_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' blob:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    # Makes innerHTML and the like throw, so text can't become markup even by mistake.
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
)

_HEADERS = {
    "content-security-policy": "; ".join(_POLICY),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """Wraps an application so that only its own hosts are served, with protective headers."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: Iterable[str]) -> None:
        """Wrap an application; ``allowed_hosts`` are its host names besides those of loopback."""
        self._app = app
        self._hosts = _LOOPBACK | {host.lower() for host in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        guarded_send = _with_headers(send)
        host = _name(Headers(scope=scope).get("host", ""))
        if host not in self._hosts and scope["path"] not in _UNGUARDED_PATHS:
            _log.warning("host_refused", host=host[:100])
            sentence = "This page is not served under that host name; add the name with --allowed-hosts.\n"
            await PlainTextResponse(sentence, 421)(scope, receive, guarded_send)
            return
        try:
            await self._app(scope, receive, guarded_send)
        except ClientDisconnect:
            _log.debug("caller_gone", path=scope["path"])
        except Exception as error:
            # The caller has its response already: Starlette sends a bare 500 before it raises again.
            _log.error("request_failed", path=scope["path"], exc_info=error)


def _with_headers(send: Send) -> Send:
    async def guarded_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return guarded_send


def _name(host: str) -> str:
    """Return the name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
