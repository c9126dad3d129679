"""The routes: one for every call, the session, clips, exports, the pages' files and health."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import asdict
from typing import Any, TypeVar
from urllib.parse import quote

import grpc
import prometheus_client
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from services.web import connect_protocol
from services.web.assets import asset_response, read_assets
from services.web.clip_response import clip_response
from services.web.config import Config
from services.web.labeler_client import EXPORT_TYPES, METHODS, SERVICE_NAME, LabelerClient, RefusedCallError
from services.web.middleware.activity import Activity
from services.web.middleware.cross_origin import CrossOrigin
from services.web.middleware.guard import Guard
from services.web.session import Session, check_own_page, posted_token
from somersault.domain.roles import Role
from somersault.errors import (
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    SomersaultError,
)
from somersault.rpc.interceptors import RETRY_KEY

__all__ = ["PAGES", "create_app"]

Result = TypeVar("Result")

_CALL_SECONDS = prometheus_client.Histogram(
    "somersault_web_call_seconds",
    "Seconds from a call's arrival at the gateway to its response.",
    ["method", "code"],
)

_BODY_TIMEOUT_S = 10.0

# Goes on when the caller goes away: what a page sends as it closes must arrive.
_FINISHED = frozenset({"ReleaseQuery", "RevisePreference", "SubmitPreference"})

PAGES = ("/", "/run", "/runs", "/owner")
"""The paths of the pages; all are one file, whose script looks at the path."""


def create_app(client: LabelerClient, config: Config, *, port: int) -> ASGIApp:
    """Gives the gateway's application.

    Args:
        client: Calls the labeler.
        config: Its bounds and the host names it may be reached by.
        port: The port it is served on.
    """
    activity = Activity()
    session = Session(port=port, is_https=config.is_reached_by_https)
    gateway = _Gateway(client, config, session=session, activity=activity)
    routes = [
        Route(f"/{SERVICE_NAME}/{{method}}", gateway.call, methods=["POST"]),
        Route("/login", gateway.log_in, methods=["POST"]),
        Route("/logout", gateway.log_out, methods=["POST"]),
        Route("/session", gateway.session, methods=["GET"]),
        Route("/activity", gateway.activity, methods=["GET"]),
        Route("/clips/{query_id}/{side}.mp4", gateway.clip, methods=["GET"]),
        Route("/policy-clips/{run_id}/{policy_version}.mp4", gateway.policy_clip, methods=["GET"]),
        Route("/export/{run_id}.{file_format}", gateway.export, methods=["GET"]),
        Route("/static/{name}", gateway.asset, methods=["GET"]),
        Route("/healthz", _healthy, methods=["GET"]),
        *(Route(path, gateway.asset, methods=["GET"]) for path in PAGES),
    ]
    app = Starlette(routes=routes, exception_handlers={SomersaultError: _refused})
    shared = CrossOrigin(app, allowed_origins=config.allowed_origins)
    return Guard(activity.counting(shared), allowed_hosts=config.host_names)


class _Gateway:
    """Translates requests into calls and responses back. Holds no state of its own."""

    def __init__(
        self, client: LabelerClient, config: Config, *, session: Session, activity: Activity
    ) -> None:
        self._client = client
        self._config = config
        self._session = session
        self._activity = activity
        self._assets = read_assets()

    async def call(self, request: Request) -> Response:
        name = request.path_params["method"]
        started = time.monotonic()
        status = grpc.StatusCode.OK
        try:
            return await self._passed_on(name, request)
        except SomersaultError as error:
            status = error.status
            raise
        finally:
            known = name if name in METHODS else "other"
            code = connect_protocol.code_of(status)
            _CALL_SECONDS.labels(known, code).observe(time.monotonic() - started)

    async def _passed_on(self, name: str, request: Request) -> Response:
        if name not in METHODS:
            allowed = ", ".join(METHODS)
            sentence = f"{name[:60]} can't be called through the gateway, only {allowed}"
            raise RefusedCallError(grpc.StatusCode.UNIMPLEMENTED, sentence)
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in connect_protocol.CONTENT_TYPES:
            accepted = ", ".join(connect_protocol.CONTENT_TYPES)
            return Response(status_code=415, headers={"accept-post": accepted})
        _check_protocol(request)
        token = self._session.token(request)
        timeout_s = connect_protocol.parse_timeout_s(
            request.headers.get("connect-timeout-ms"), longest_s=self._config.max_call_s
        )
        body = await self._body(request)
        message = connect_protocol.decode(
            body,
            content_type=content_type,
            message_type=METHODS[name].request_type,
            is_generated=connect_protocol.VERSION_HEADER in request.headers,
        )
        call = self._client.call(name, message, token=token, timeout_s=timeout_s)
        reply = await (call if name in _FINISHED else _while_connected(request, call))
        return Response(connect_protocol.encode(reply, content_type=content_type), media_type=content_type)

    async def log_in(self, request: Request) -> Response:
        check_own_page(request)
        token = posted_token(await self._body(request))
        described = await self._described(token, request)
        response = JSONResponse(described)
        self._session.begin(response, token=token, role=Role(described["role"]))
        return response

    async def log_out(self, request: Request) -> Response:
        check_own_page(request)
        response = JSONResponse({})
        self._session.end(request, response)
        return response

    async def session(self, request: Request) -> Response:
        return JSONResponse(await self._described(self._session.token(request), request))

    async def activity(self, request: Request) -> Response:
        caller = await self._client.who_am_i(self._session.owner_token(request))
        if caller.role is not Role.OWNER:
            raise PermissionDeniedError(f"/activity is for owner; this token's role is {caller.role.value}")
        return JSONResponse({"idleS": self._activity.idle_s})

    async def clip(self, request: Request) -> Response:
        token = self._session.token(request)
        query_id, side = request.path_params["query_id"], request.path_params["side"]
        clip = await _while_connected(request, self._client.get_clip(query_id, side, token=token))
        return clip_response(clip, request.headers)

    async def policy_clip(self, request: Request) -> Response:
        token = self._session.any_token(request)
        run_id, name = request.path_params["run_id"], request.path_params["policy_version"]
        if not (name.isascii() and name.isdigit() and len(name) <= 18):
            raise NotFoundError(f"there is no policy version {name[:40]!r}; one is a whole number")
        found = self._client.get_policy_clip(run_id, int(name), token=token)
        clip = await _while_connected(request, found)
        # Another clip may take this one's place: only under its own hash it is the same for good.
        is_lasting = request.query_params.get("sha256") == clip.sha256
        return clip_response(clip, request.headers, is_lasting=is_lasting)

    async def export(self, request: Request) -> Response:
        run_id, file_format = request.path_params["run_id"], request.path_params["file_format"]
        parts = self._client.export(run_id, file_format, token=self._session.owner_token(request))
        # What is refused is refused before the first byte, so that it can still have a status of its own.
        first = await _while_connected(request, anext(parts, b""))
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(run_id)}.{file_format}"}
        return StreamingResponse(_joined(first, parts), headers=headers, media_type=EXPORT_TYPES[file_format])

    async def asset(self, request: Request) -> Response:
        name = request.path_params.get("name", "index.html")
        if name not in self._assets:
            raise NotFoundError(f"the page has no file {name[:60]!r}")
        return asset_response(self._assets[name], request.headers)

    async def _described(self, token: str, request: Request) -> dict[str, Any]:
        """Gives what the page needs to know about its session, and which other the browser has."""
        caller = asdict(await self._client.who_am_i(token))
        return {
            "labelerId": caller["labeler_id"],
            "name": caller["name"],
            "role": caller["role"],
            "runId": self._config.run_id,
            "publicUrl": self._config.public_url,
            "sessions": self._session.kinds(request),
        }

    async def _body(self, request: Request) -> bytes:
        """Gives a request's body.

        Raises:
            ResourceExhaustedError: it is larger than the bound.
            RefusedCallError: it did not come in time.
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
            sentence = f"the body did not come within {_BODY_TIMEOUT_S:g} s"
            raise RefusedCallError(grpc.StatusCode.DEADLINE_EXCEEDED, sentence) from error
        return bytes(body)


def _check_protocol(request: Request) -> None:
    version = request.headers.get(connect_protocol.VERSION_HEADER, "1")
    if version != "1":
        raise InvalidInputError(connect_protocol.VERSION_HEADER, version, "1")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding != "identity":
        sentence = f"content-encoding {encoding[:40]!r} is not taken, only identity"
        raise RefusedCallError(grpc.StatusCode.UNIMPLEMENTED, sentence)


async def _while_connected(request: Request, work: Awaitable[Result]) -> Result:
    """Gives the work's result, or cancels it when the caller goes away: a closed page must not get leases.

    Raises:
        RefusedCallError: the caller went away.
    """
    call = asyncio.ensure_future(work)
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({call, gone}, return_when=asyncio.FIRST_COMPLETED)
        if call.done():
            return call.result()
        raise RefusedCallError(grpc.StatusCode.CANCELLED, "the caller went away")
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


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, SomersaultError):
        raise error
    content_type = request.headers.get("content-type", "")
    if content_type.startswith(connect_protocol.STREAM_PREFIX):
        codec = "json" if content_type.startswith(connect_protocol.STREAM_PREFIX + "json") else "proto"
        body = connect_protocol.encode_stream_error(error)
        return Response(body, media_type=connect_protocol.STREAM_PREFIX + codec)
    body = connect_protocol.encode_error(error)
    status = connect_protocol.http_status_of(error.status)
    # As Connect sends what a gRPC call has at its end.
    headers = {f"trailer-{RETRY_KEY}": error.retry.value}
    return Response(body, status, headers, media_type=connect_protocol.JSON)


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok\n")
