"""The handlers of the routes: calls, sessions, clips, exports and the pages' files."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import asdict
from typing import Any, TypeVar
from urllib.parse import quote

import grpc
import prometheus_client
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from services.web import connect_protocol
from services.web.assets import asset_response, read_assets
from services.web.clip_response import clip_response
from services.web.config import WebConfig
from services.web.labeler_client import EXPORT_TYPES, METHODS, LabelerClient, RefusedCallError
from services.web.middleware.activity import Activity
from services.web.session import Session, check_own_page, posted_token
from somersault.domain.roles import Role
from somersault.errors import (
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    SomersaultError,
    UnauthenticatedError,
)

__all__ = ["Gateway"]

Result = TypeVar("Result")

_CALL_SECONDS = prometheus_client.Histogram(
    "somersault_web_call_seconds",
    "Seconds from a call's arrival at the gateway to its response.",
    ["method", "code"],
)

_BODY_TIMEOUT_S = 10.0

# Completed even if the caller disconnects: what a page sends as it closes must arrive.
_COMPLETED = frozenset({"ReleaseQuery", "RevisePreference", "SubmitPreference"})


class Gateway:
    """Translates HTTP requests into calls of the labeler, and replies back. Holds no state of its own."""

    def __init__(
        self, client: LabelerClient, config: WebConfig, *, session: Session, activity: Activity
    ) -> None:
        """Read the pages' files.

        Raises:
            ConfigError: The pages were never built.
        """
        self._client = client
        self._config = config
        self._session = session
        self._activity = activity
        self._assets = read_assets()

    async def call(self, request: Request) -> Response:
        """Pass a call on to the labeler and measure it."""
        name = request.path_params["method"]
        started = time.monotonic()
        status = grpc.StatusCode.OK
        try:
            return await self._pass_on(name, request)
        except SomersaultError as error:
            status = error.status
            raise
        finally:
            known = name if name in METHODS else "other"
            code = connect_protocol.code_of(status)
            _CALL_SECONDS.labels(known, code).observe(time.monotonic() - started)

    async def _pass_on(self, name: str, request: Request) -> Response:
        if name not in METHODS:
            allowed = ", ".join(METHODS)
            sentence = f"{name[:60]} can't be called through the gateway, only {allowed}"
            raise RefusedCallError(grpc.StatusCode.UNIMPLEMENTED, sentence)
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in connect_protocol.CONTENT_TYPES:
            accepted = ", ".join(connect_protocol.CONTENT_TYPES)
            return Response(status_code=415, headers={"accept-post": accepted})
        _check_protocol(request)
        authorization = self._session.authorization(request)
        timeout_s = connect_protocol.parse_timeout_s(
            request.headers.get("connect-timeout-ms"), longest_s=self._config.max_call_s
        )
        body = await self._body(request)
        message = connect_protocol.decode(
            body,
            content_type=content_type,
            method=METHODS[name].descriptor,
            is_generated=connect_protocol.VERSION_HEADER in request.headers,
        )
        call = self._client.call(name, message, authorization=authorization, timeout_s=timeout_s)
        reply = await (call if name in _COMPLETED else _while_connected(request, call))
        return Response(connect_protocol.encode(reply, content_type=content_type), media_type=content_type)

    async def log_in(self, request: Request) -> Response:
        """Exchange the token in the body for a session."""
        check_own_page(request)
        authorization = f"Bearer {posted_token(await self._body(request))}"
        described = await self._describe(authorization, request)
        secret = await self._client.create_session(authorization, run_id=self._config.run_id)
        response = JSONResponse(described)
        self._session.begin(request, response, secret=secret, role=Role(described["role"]))
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session that the request came with, at the labeler too; one that has ended is only forgotten."""
        check_own_page(request)
        with contextlib.suppress(UnauthenticatedError):
            await self._end_at_labeler(self._session.authorization(request))
        response = JSONResponse({})
        self._session.end(request, response)
        return response

    async def _end_at_labeler(self, authorization: str) -> None:
        try:
            await self._client.end_session(authorization)
        except RefusedCallError as error:
            if error.status is not grpc.StatusCode.UNAUTHENTICATED:
                raise

    async def session(self, request: Request) -> Response:
        """Return who is logged in."""
        return JSONResponse(await self._describe(self._session.authorization(request), request))

    async def activity(self, request: Request) -> Response:
        """Return how long ago the last request ended; for owners."""
        caller = await self._client.who_am_i(self._session.of_owner(request))
        if caller.role is not Role.OWNER:
            raise PermissionDeniedError(f"/activity is for owner; this token's role is {caller.role.value}")
        return JSONResponse({"idleS": self._activity.idle_s})

    async def clip(self, request: Request) -> Response:
        """Return the clip on one side of a query."""
        authorization = self._session.authorization(request)
        query_id, side = request.path_params["query_id"], request.path_params["side"]
        clip = await _while_connected(
            request, self._client.get_clip(query_id, side, authorization=authorization)
        )
        return clip_response(clip, request.headers)

    async def policy_clip(self, request: Request) -> Response:
        """Return the clip of a run's policy."""
        authorization = self._session.of_any(request)
        run_id, name = request.path_params["run_id"], request.path_params["policy_version"]
        if not (name.isascii() and name.isdigit() and len(name) <= 18):
            raise NotFoundError(f"there is no policy version {name[:40]!r}; one is a whole number")
        found = self._client.get_policy_clip(run_id, int(name), authorization=authorization)
        clip = await _while_connected(request, found)
        # Another clip may replace this one; only an address with its hash is its own for good.
        is_lasting = request.query_params.get("sha256") == clip.sha256
        return clip_response(clip, request.headers, is_lasting=is_lasting)

    async def export(self, request: Request) -> Response:
        """Stream a run's answers as a file."""
        run_id, file_format = request.path_params["run_id"], request.path_params["file_format"]
        parts = self._client.export(run_id, file_format, authorization=self._session.of_owner(request))
        # A refusal comes before the first byte, while the response can still have its own status.
        first = await _while_connected(request, anext(parts, b""))
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(run_id)}.{file_format}"}
        return StreamingResponse(_joined(first, parts), headers=headers, media_type=EXPORT_TYPES[file_format])

    async def asset(self, request: Request) -> Response:
        """Return one of the pages' files."""
        name = request.path_params.get("name", "index.html")
        if name not in self._assets:
            raise NotFoundError(f"the pages have no file {name[:60]!r}")
        return asset_response(self._assets[name], request.headers)

    async def _describe(self, authorization: str, request: Request) -> dict[str, Any]:
        """Return what a page needs to know about its session, and which kinds the browser has."""
        caller = asdict(await self._client.who_am_i(authorization))
        return {
            "labelerId": caller["labeler_id"],
            "name": caller["name"],
            "role": caller["role"],
            "runId": self._config.run_id,
            "publicUrl": self._config.public_url,
            "sessions": self._session.kinds(request),
        }

    async def _body(self, request: Request) -> bytes:
        """Return a request's body.

        Raises:
            ResourceExhaustedError: It is larger than the bound.
            RefusedCallError: It did not arrive in time.
        """
        body = bytearray()
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > self._config.max_body_bytes:
                        bound = self._config.max_body_bytes
                        raise ResourceExhaustedError(f"the body is larger than {bound} bytes")
        except TimeoutError as error:
            sentence = f"the body did not arrive within {_BODY_TIMEOUT_S:g} s"
            raise RefusedCallError(grpc.StatusCode.DEADLINE_EXCEEDED, sentence) from error
        return bytes(body)


def _check_protocol(request: Request) -> None:
    version = request.headers.get(connect_protocol.VERSION_HEADER, "1")
    if version != "1":
        raise InvalidInputError(connect_protocol.VERSION_HEADER, version, "1")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        sentence = f"content-encoding is {encoding[:40]!r}, must be identity"
        raise RefusedCallError(grpc.StatusCode.UNIMPLEMENTED, sentence)


async def _while_connected(request: Request, work: Awaitable[Result]) -> Result:
    """Return the work's result, or cancel it when the caller disconnects: a closed page must not get leases.

    Raises:
        RefusedCallError: The caller disconnected.
    """
    call = asyncio.ensure_future(work)
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({call, gone}, return_when=asyncio.FIRST_COMPLETED)
        if call.done():
            return call.result()
        raise RefusedCallError(grpc.StatusCode.CANCELLED, "the caller disconnected")
    finally:
        call.cancel()
        gone.cancel()


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for part in rest:
        yield part


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
