"""Whose token a request carries: a bearer token in the authorization header, or a session cookie of our own pages."""

from __future__ import annotations

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
    """Keeps tokens in cookies that scripts can't read and other sites can't send. The gateway stores nothing.

    One browser may hold two, a labeler's and an owner's: a person who trains alone is both.
    """

    def __init__(self, *, port: int, is_https: bool) -> None:
        """Name the cookies by the port, and decide whether they need TLS."""
        # Browsers share cookies between the ports of a host: two runs on one machine need two names.
        self._cookies = {_LABELER: f"somersault_session_{port}", _OWNER: f"somersault_owner_{port}"}
        self._is_https = is_https

    def token(self, request: Request) -> str:
        """Return the caller's token.

        Raises:
            UnauthenticatedError: There is none.
            PermissionDeniedError: The cookie may have been sent by another site's page.
        """
        header = request.headers.get("authorization")
        if header is not None:
            scheme, _, token = header.partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise UnauthenticatedError("the authorization header must be: Bearer TOKEN")
            return token.strip()
        return self._cookie_token(request, kind=_kind(request))

    def owner_token(self, request: Request) -> str:
        """Return the owner's token, for links, which can't name a kind of session.

        Raises:
            UnauthenticatedError: There is none.
        """
        if "authorization" in request.headers:
            return self.token(request)
        return self._cookie_token(request, kind=_OWNER)

    def any_token(self, request: Request) -> str:
        """Return any token of the caller, for video elements, which can't name a kind of session either.

        Raises:
            UnauthenticatedError: There is none.
        """
        if "authorization" in request.headers or KIND_HEADER in request.headers:
            return self.token(request)
        kinds = self.kinds(request)
        return self._cookie_token(request, kind=kinds[0] if kinds else _LABELER)

    def kinds(self, request: Request) -> list[str]:
        """Return the kinds of session that a browser has: ``labeler``, ``owner``."""
        return [kind for kind, name in self._cookies.items() if request.cookies.get(name)]

    def begin(self, response: Response, *, token: str, role: Role) -> None:
        """Set the cookie of the kind of session that a role has."""
        kind = _OWNER if role in (Role.OWNER, Role.SERVICE) else _LABELER
        response.set_cookie(
            self._cookies[kind],
            token,
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

    def _cookie_token(self, request: Request, *, kind: str) -> str:
        cookie = request.cookies.get(self._cookies[kind])
        if not cookie:
            raise UnauthenticatedError("log in with your token first")
        if request.method not in ("GET", "HEAD"):
            check_own_page(request)
        return cookie


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
