"""How a service lives: settings, logs, health, serving, and a drain on SIGTERM. One `main` for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import grpc.aio
import structlog

from somersault import allocator, telemetry
from somersault.config import ServiceConfig, load_config
from somersault.errors import SomersaultError
from somersault.rpc.server import bind, create_server, serve_health, set_serving

__all__ = ["Application", "main", "serve"]

_log = structlog.get_logger()

Config = TypeVar("Config", bound=ServiceConfig)


class Application(Protocol):
    """One service: what it serves, what it does beside serving, how it ends."""

    @property
    def interceptors(self) -> Sequence[grpc.aio.ServerInterceptor[Any, Any]]:
        """What each call passes before it is served, such as authentication."""
        ...

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Adds the servicers to a server and gives their full names."""
        ...

    async def run(self) -> None:
        """Does what there is to do beside serving, until cancelled. If it returns or raises, the service ends."""
        ...

    async def drain(self) -> None:
        """Stores what must not be lost. Called once, after the last call was served."""
        ...


def main(
    name: str,
    config_type: type[Config],
    build: Callable[[Config], Awaitable[Application]],
    *,
    arguments: Sequence[str] | None = None,
) -> int:
    """Runs a service until SIGTERM or SIGINT and gives its exit code.

    Anything wrong with settings, ports or stores at the start is one line on standard error and exit code 2.
    """
    allocator.keep_freed_memory()
    try:
        config = load_config(config_type, sys.argv[1:] if arguments is None else arguments)
        telemetry.set_up_logging(service=name, level=config.log_level)
        asyncio.run(_build_and_serve(name, config, build))
    except SomersaultError as error:
        sys.stderr.write(f"somersault {name}: {error}\n")
        return 2
    return 0


async def _build_and_serve(
    name: str, config: Config, build: Callable[[Config], Awaitable[Application]]
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    _log.info("starting", name=name, config=config.model_dump(mode="json"))
    await serve(await build(config), config, stopped=stopped)


async def serve(
    application: Application,
    config: ServiceConfig,
    *,
    stopped: asyncio.Event,
    on_bound: Callable[[int], None] | None = None,
) -> None:
    """Serves an application until ``stopped`` is set or its own work ends, then drains it.

    Args:
        application: The service.
        config: Where to listen and how long to drain.
        stopped: Ends the service when set.
        on_bound: Told the port once calls are taken.

    Raises:
        ConfigError: a port can't be used.
        Exception: what the application's own work raised.
    """
    server = create_server(application.interceptors)
    names = application.add_to(server)
    health = serve_health(server, names, has_reflection=config.has_reflection)
    port = bind(server, host=config.host, port=config.port)
    if config.metrics_port is not None:
        telemetry.serve_metrics(host=config.host, port=config.metrics_port)
    await server.start()
    await set_serving(health, names, is_serving=True)
    _log.info("serving", host=config.host, port=port, services=list(names))
    if on_bound:
        on_bound(port)
    work = asyncio.create_task(application.run())
    stop = asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        _log.info("draining")
        stop.cancel()
        await set_serving(health, names, is_serving=False)
        await _cancelled(work)
        await server.stop(config.drain_s)
        await application.drain()
        _log.info("stopped")


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
