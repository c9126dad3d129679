"""The gateway's application: its routes, and what each request passes before them."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from services.web import connect_protocol
from services.web.config import WebConfig
from services.web.gateway import Gateway
from services.web.labeler_client import SERVICE_NAME, LabelerClient
from services.web.middleware.activity import Activity
from services.web.middleware.cross_origin import CrossOrigin
from services.web.middleware.guard import Guard
from services.web.middleware.peer import Peer
from services.web.session import Session
from somersault.errors import SomersaultError
from somersault.rpc.interceptors import RETRY_KEY
from somersault.wire.clip_paths import clip_path, policy_clip_path

__all__ = ["PAGES", "create_app"]

PAGES = ("/", "/run", "/runs", "/owner")
"""The paths of the pages. All are one file, whose script looks at the path."""


def create_app(client: LabelerClient, config: WebConfig, *, port: int) -> ASGIApp:
    """Return the gateway's application.

    Args:
        client: Calls the labeler.
        config: Its bounds and the host names it may be reached by.
        port: The port it is served on.
    """
    activity = Activity()
    session = Session(
        run_id=config.run_id,
        scope=config.run_identity or f"{config.run_id}:{port}",
        port=port,
        is_https=config.is_reached_by_https,
    )
    gateway = Gateway(client, config, session=session, activity=activity)
    routes = [
        Route(f"/{SERVICE_NAME}/{{method}}", gateway.call, methods=["POST"]),
        Route("/login", gateway.log_in, methods=["POST"]),
        Route("/logout", gateway.log_out, methods=["POST"]),
        Route("/session", gateway.session, methods=["GET"]),
        Route("/activity", gateway.activity, methods=["GET"]),
        Route(clip_path("{query_id}", "{side}"), gateway.clip, methods=["GET"]),
        Route(policy_clip_path("{run_id}", "{policy_version}"), gateway.policy_clip, methods=["GET"]),
        Route("/export/{run_id}.{file_format}", gateway.export, methods=["GET"]),
        Route("/static/{name}", gateway.asset, methods=["GET"]),
        Route("/healthz", _healthy, methods=["GET"]),
        *(Route(path, gateway.asset, methods=["GET"]) for path in PAGES),
    ]
    app = Starlette(routes=routes, exception_handlers={SomersaultError: _refused})
    shared = CrossOrigin(app, allowed_origins=config.allowed_origins)
    return Guard(activity.counting(Peer(shared)), allowed_hosts=config.host_names)


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
