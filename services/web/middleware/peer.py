"""Where the request being served comes from, which the labeler is told with each call made for it."""

from __future__ import annotations

import contextvars

from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Peer", "peer_address"]

_ADDRESS: contextvars.ContextVar[str] = contextvars.ContextVar("address", default="")


def peer_address() -> str:
    """Return the address that the request being served comes from; "" outside of a request.

    It is the connection's: what a reverse proxy says of others in headers is believed of nobody.
    """
    return _ADDRESS.get()


class Peer:
    """Wraps an application so that `peer_address` is known in it."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        client = scope.get("client")
        _ADDRESS.set(client[0] if client else "")
        await self._app(scope, receive, send)
