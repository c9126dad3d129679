"""Who makes a request: the holder of a bearer token in the authorization header, or of a session in a cookie of our own pages."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from services.web.connect_protocol import VERSION_HEADER
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError, PermissionDeniedError, UnauthenticatedError
from somersault.formats.strict_json import load_json

__all__ = ["KIND_HEADER", "Session", "check_own_page", "posted_token"]

KIND_HEADER = "somersault-session"
"""Names the kind of session that one of our pages calls with: ``labeler``, which is also the default, or ``owner``."""

_LABELER, _OWNER = "labeler", "owner"

_MAX_AGE_S = 30 * 24 * 3600


class Session:
    """Keeps sessions in cookies that scripts can't read and other sites can't send. The gateway stores nothing.

    The labeler knows a session only together with the run whose pages began it, so that another run's is worth nothing here.
    One browser may hold two, a labeler's and an owner's: a person who trains alone is both.
    """

    def __init__(self, *, run_id: str, scope: str, port: int, is_https: bool) -> None:
        """Name the cookies.

        Args:
            run_id: The run whose pages these are; empty for any.
            scope: What tells these pages from all others: browsers share cookies between the ports of a host, and a port
                is used by one run after another.
            port: The port, by which cookies were named that held tokens; they are removed.
            is_https: Whether the cookies need TLS; their names then keep other hosts of the domain from setting them.
        """
        prefix = "__Host-" if is_https else ""
        ending = hashlib.sha256(scope.encode()).hexdigest()[:16]
        self._cookies = {kind: f"{prefix}somersault_{kind}_{ending}" for kind in (_LABELER, _OWNER)}
        self._older = (f"somersault_session_{port}", f"somersault_owner_{port}")
        self._run_id = run_id
        self._is_https = is_https

    def authorization(self, request: Request) -> str:
        """Return what the caller presents to the labeler: ``Bearer TOKEN``, or ``Session RUN/SECRET``.

        Raises:
            UnauthenticatedError: There is none.
            PermissionDeniedError: The cookie may have been sent by another site's page.
        """
        header = request.headers.get("authorization")
        if header is not None:
            scheme, _, token = header.partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise UnauthenticatedError("the authorization header must be: Bearer TOKEN")
            return f"Bearer {token.strip()}"
        return self._cookie(request, kind=_kind(request))

    def of_owner(self, request: Request) -> str:
        """Return what an owner presents, for links, which can't name a kind of session.

        Raises:
            UnauthenticatedError: There is none.
        """
        if "authorization" in request.headers:
            return self.authorization(request)
        return self._cookie(request, kind=_OWNER)

    def of_any(self, request: Request) -> str:
        """Return anything that the caller presents, for video elements, which can't name a kind of session either.

        Raises:
            UnauthenticatedError: There is none.
        """
        if "authorization" in request.headers or KIND_HEADER in request.headers:
            return self.authorization(request)
        kinds = self.kinds(request)
        return self._cookie(request, kind=kinds[0] if kinds else _LABELER)

    def kinds(self, request: Request) -> list[str]:
        """Return the kinds of session that a browser has: ``labeler``, ``owner``."""
        return [kind for kind, name in self._cookies.items() if request.cookies.get(name)]

    def begin(self, request: Request, response: Response, *, secret: str, role: Role) -> None:
        """Set the cookie of the kind of session that a role has."""
        kind = _OWNER if role in (Role.OWNER, Role.SERVICE) else _LABELER
        for name in request.cookies.keys() & set(self._older):
            response.delete_cookie(name, path="/", secure=self._is_https, httponly=True, samesite="strict")
        response.set_cookie(
            self._cookies[kind],
            secret,
            max_age=_MAX_AGE_S,
            path="/",
            secure=self._is_https,
            httponly=True,
            samesite="strict",
        )

    def end(self, request: Request, response: Response) -> None:
        """Remove the cookie of the session that a request came with."""
        name = self._cookies[_kind(request)]
        response.delete_cookie(name, path="/", secure=self._is_https, httponly=True, samesite="strict")

    def _cookie(self, request: Request, *, kind: str) -> str:
        cookie = request.cookies.get(self._cookies[kind])
        if not cookie:
            raise UnauthenticatedError("log in with your token first")
        if request.method not in ("GET", "HEAD"):
            check_own_page(request)
        return f"Session {self._run_id}/{cookie}"


def _kind(request: Request) -> str:
    """Return the kind of session that a request names.

    Raises:
        InvalidInputError: There is no such kind.
    """
    kind = request.headers.get(KIND_HEADER, _LABELER)
    if kind not in (_LABELER, _OWNER):
        raise InvalidInputError(KIND_HEADER, kind[:40], "labeler or owner")
    return kind


def check_own_page(request: Request) -> None:
    """Check that a call with a cookie comes from one of our own pages.

    Another site's page can't send this header without a CORS preflight, which is never granted with the cookie. On
    cross-site request forgery: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html

    Raises:
        PermissionDeniedError: The header is missing, or the browser names another origin.
    """
    if request.headers.get(VERSION_HEADER) != "1":
        raise PermissionDeniedError(f"calls with a cookie need the header {VERSION_HEADER}: 1")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise PermissionDeniedError(f"calls with a cookie can't come from {origin[:100]}")


def posted_token(body: bytes) -> str:
    """Return the token in the body of a login.

    Raises:
        InvalidInputError: The body is something else.
    """
    try:
        token = load_json(body)["token"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidInputError('the body must be {"token": "…"}') from error
    if not isinstance(token, str):
        raise InvalidInputError('the body must be {"token": "…"}')
    return token.strip()
