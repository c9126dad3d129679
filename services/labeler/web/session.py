"""Who calls: a bearer token in the authorization header, or in the session cookie of our own page."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from services.labeler.web.connect_protocol import VERSION_HEADER
from somersault.errors import InvalidInputError, PermissionDeniedError, UnauthenticatedError

__all__ = ["Session", "check_own_page", "posted_token"]

_MAX_AGE_S = 30 * 24 * 3600


class Session:
    """Keeps the token in a cookie that scripts can't read and other sites can't send. The gateway stores nothing."""

    def __init__(self, *, port: int, is_https: bool) -> None:
        """Takes the page's port and whether browsers reach it over TLS."""
        # Browsers share cookies between the ports of a host: two runs on one machine need two names.
        self._cookie = f"somersault_session_{port}"
        self._is_https = is_https

    def token(self, request: Request) -> str:
        """Gives the caller's token.

        Raises:
            UnauthenticatedError: there is none.
            PermissionDeniedError: the cookie may have been sent by another site's page.
        """
        header = request.headers.get("authorization")
        if header is not None:
            scheme, _, token = header.partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise UnauthenticatedError("the authorization header must be: Bearer TOKEN")
            return token.strip()
        cookie = request.cookies.get(self._cookie)
        if not cookie:
            raise UnauthenticatedError("log in with your token first")
        if request.method not in ("GET", "HEAD"):
            check_own_page(request)
        return cookie

    def begin(self, response: Response, *, token: str) -> None:
        """Sets the cookie."""
        response.set_cookie(
            self._cookie,
            token,
            max_age=_MAX_AGE_S,
            path="/",
            secure=self._is_https,
            httponly=True,
            samesite="strict",
        )

    def end(self, response: Response) -> None:
        """Removes the cookie."""
        response.delete_cookie(
            self._cookie, path="/", secure=self._is_https, httponly=True, samesite="strict"
        )


def check_own_page(request: Request) -> None:
    """Checks that a call with a cookie comes from our own page.

    Another site's page can't send this header without a CORS preflight, which is never granted with the cookie. Cross-site request
    forgery: https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html

    Raises:
        PermissionDeniedError: the header is missing, or the browser names another origin.
    """
    if request.headers.get(VERSION_HEADER) != "1":
        raise PermissionDeniedError(f"calls with a cookie need the header {VERSION_HEADER}: 1")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise PermissionDeniedError(f"calls with a cookie can't come from {origin[:100]}")


def posted_token(body: bytes) -> str:
    """Gives the token in the body of a login.

    Raises:
        InvalidInputError: the body is something else.
    """
    try:
        token = json.loads(body)["token"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidInputError('the body must be {"token": "…"}') from error
    if not isinstance(token, str):
        raise InvalidInputError('the body must be {"token": "…"}')
    return token.strip()
