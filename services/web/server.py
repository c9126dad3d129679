"""The gateway's process: settings, logs, its port, serving, and a drain on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial

import structlog
import uvicorn

from services.web.application import create_app
from services.web.config import WebConfig
from services.web.labeler_client import LabelerClient
from services.web.serving.browser_certificate import BrowserCertificate
from services.web.serving.connections import Connections, Listener
from services.web.serving.protocol import CountedProtocol
from somersault.domain.roles import Identity
from somersault.errors import ConfigError
from somersault.rpc import bind, create_server, open_channel
from somersault.rpc.server import serve_health, set_serving
from somersault.rpc.tls.folder import open_folder
from somersault.runtime import app, telemetry
from somersault.runtime.config import load_config

__all__ = ["main", "serve"]

_log = structlog.get_logger()

KEEP_ALIVE_S = 75  # browsers reuse connections for a minute; closing sooner makes their next call fail


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the pages until SIGTERM or SIGINT and return the exit code.

    Invalid settings and unusable ports are one line on standard error and exit code 2.
    """

    def run(served: asyncio.Event) -> None:
        config = load_config(WebConfig, sys.argv[1:] if arguments is None else arguments)
        telemetry.set_up_logging(service="web", level=config.log_level)
        asyncio.run(app.until_signalled(partial(_serve, config, served)))

    return app.run_to_exit("web", run)


async def _serve(config: WebConfig, served: asyncio.Event, stopped: asyncio.Event) -> None:
    _log.info("starting", name="web", config=config.as_logged())
    await serve(config, stopped=stopped, on_bound=lambda _port: served.set())


async def serve(
    config: WebConfig, *, stopped: asyncio.Event, on_bound: Callable[[int], None] | None = None
) -> None:
    """Serve the pages until ``stopped`` is set, then let running calls finish.

    Args:
        config: Where to listen, whom to call, how long to drain.
        stopped: Ends serving when set.
        on_bound: Called with the port once calls are accepted.

    Raises:
        ConfigError: A port can't be used.
    """
    with _bound(config) as listener:
        await _serve_on(listener, config, stopped=stopped, on_bound=on_bound)


async def _serve_on(
    listener: Listener,
    config: WebConfig,
    *,
    stopped: asyncio.Event,
    on_bound: Callable[[int], None] | None,
) -> None:
    port: int = listener.getsockname()[1]
    if config.metrics_port is not None:
        telemetry.serve_metrics(host=config.host, port=config.metrics_port)
    if config.certificates_path is not None:
        open_folder(config.certificates_path).current.check_is(config.identity)
    labeler = open_channel(
        config.labeler_address, certificates=config.certificates_path, peer=Identity.LABELER
    )
    async with labeler as channel:
        server, certificate = _server(
            config, LabelerClient(channel), port=port, connections=listener.connections
        )
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stop = asyncio.create_task(stopped.wait())
        beside = [stop, asyncio.create_task(listener.connections.sweep())]
        if certificate is not None:
            beside.append(asyncio.create_task(certificate.watch()))
        try:
            async with _health_port(config):
                _log.info("serving", host=config.host, port=port, labeler_address=config.labeler_address)
                if on_bound:
                    on_bound(port)
                await asyncio.wait({serving, stop}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            _log.info("draining")
            for task in beside:
                task.cancel()
            server.should_exit = True
            await serving
            _log.info("stopped")


class _Server(uvicorn.Server):
    """A server that ignores signals: uvicorn's would raise SIGTERM again after its drain, and the exit code would not be 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _health_port(config: WebConfig) -> AsyncIterator[None]:
    """Serve health checks as other services do, if asked to: until the pages are drained."""
    if config.health_port is None:
        yield
        return
    server = create_server()
    health = serve_health(server, (), has_reflection=False)
    bind(server, host=config.host, port=config.health_port)
    await server.start()
    await set_serving(health, (), is_serving=True)
    try:
        yield
    finally:
        await set_serving(health, (), is_serving=False)
        await server.stop(None)


def _server(
    config: WebConfig, client: LabelerClient, *, port: int, connections: Connections
) -> tuple[_Server, BrowserCertificate | None]:
    """Return the server, ready to serve, and what it shows browsers.

    Raises:
        ConfigError: The certificate or its key can't be used.
    """
    settings = uvicorn.Config(
        create_app(client, config, port=port),
        http=partial(CountedProtocol, connections=connections),  # type: ignore[arg-type]  # it is only ever called
        ws="none",
        lifespan="off",
        log_config=None,
        # The application logs its own failures, as JSON.
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=config.tls_certificate_path,
        ssl_keyfile=config.tls_key_path,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(config.drain_s),
    )
    try:
        certificate = _certificate(config)
        settings.load()
    except OSError as error:  # an ssl.SSLError is one, too
        raise ConfigError(
            f"tls_certificate_path {config.tls_certificate_path} and tls_key_path {config.tls_key_path} can't be"
            f" used: {error}; both must be PEM files, the key without a password"
        ) from error
    if certificate is not None and settings.ssl is not None:
        certificate.follow(settings.ssl)
    return _Server(settings), certificate


def _certificate(config: WebConfig) -> BrowserCertificate | None:
    if config.tls_certificate_path is None or config.tls_key_path is None:
        return None
    return BrowserCertificate(config.tls_certificate_path, config.tls_key_path)


def _bound(config: WebConfig) -> Listener:
    host, port = config.host, config.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = Listener(family, socket.SOCK_STREAM)
    listener.connections = Connections(max_age_s=config.max_connection_age_s)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            sentence = f"port {port} on {host} is in use; choose another with --port (0 takes a free one)"
        else:
            sentence = f"port {port} on {host} can't be used: {error.strerror}"
        raise ConfigError(sentence) from error
    return listener
