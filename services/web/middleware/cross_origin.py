"""Lets pages of other, named origins make calls and read clips with a token, never with the session cookie.

The protocol: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.web.labeler_client import SERVICE_NAME
from somersault.wire.clip_paths import CLIPS_PATH, POLICY_CLIPS_PATH

__all__ = ["CrossOrigin", "check_origin"]

# Not the session: a login from another origin would put another site's page between a person and their cookie.
_PATHS = (f"/{SERVICE_NAME}/", CLIPS_PATH, POLICY_CLIPS_PATH)

_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, connect-protocol-version, connect-timeout-ms, content-type, range",
    "access-control-max-age": "7200",  # Chromium's cap
}
_EXPOSED = "accept-post, accept-ranges, content-range, etag"


class CrossOrigin:
    """Wraps an application. Without allowed origins it changes nothing.

    Credentials are never allowed, so a browser neither sends the cookie along nor shows the response to it: callers of
    other origins send ``authorization: Bearer TOKEN`` themselves.
    """

    def __init__(self, app: ASGIApp, *, allowed_origins: Collection[str]) -> None:
        """Wrap an application; each origin is as browsers send it."""
        self._app = app
        self._origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not self._origins or not scope["path"].startswith(_PATHS):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin", "")
        granted = {"vary": "origin"}
        if origin in self._origins:
            granted |= {"access-control-allow-origin": origin, "access-control-expose-headers": _EXPOSED}
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            preflight = _PREFLIGHT if origin in self._origins else {}
            await Response(status_code=204, headers=granted | preflight)(scope, receive, send)
            return
        await self._app(scope, receive, _with_headers(send, granted))


def check_origin(origin: str) -> str:
    """Return an origin if it is written as browsers send it.

    Raises:
        ValueError: It is not ``http://HOST[:PORT]`` or ``https://HOST[:PORT]`` in lower case without a path.
    """
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.hostname or "*" in origin:
        raise ValueError(f"{origin!r} must be https://HOST[:PORT] or http://HOST[:PORT], one origin each")
    if origin != f"{parts.scheme}://{parts.netloc}".lower() or "@" in origin:
        raise ValueError(f"{origin!r} must be in lower case, without a path, a user or a trailing slash")
    return origin


def _with_headers(send: Send, headers: dict[str, str]) -> Send:
    async def granting_send(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return granting_send
