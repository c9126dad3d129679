"""How a service lives: settings, logs, health, serving, and a drain on SIGTERM. One `main` for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import grpc.aio
import structlog

from somersault.errors import SomersaultError, UnavailableError, root_of
from somersault.processes import private_files
from somersault.rpc.server import add_health, bind, create_server, serve_health, set_serving
from somersault.rpc.tls.folder import open_folder
from somersault.rpc.tls.server import MutualTls, mutual_tls
from somersault.runtime import allocator, failpoints, telemetry
from somersault.runtime.config import ServiceConfig, environment, load_config
from somersault.storage import STORE_THREADS

__all__ = [
    "BAD_SETTINGS",
    "FAILED",
    "HOPELESS",
    "UNREACHABLE",
    "Application",
    "main",
    "say_end",
    "serve",
    "until_signalled",
]

_log = structlog.get_logger()

FAILED = 1
"""The exit code of a service whose work failed; a restart may help."""

BAD_SETTINGS = 2
"""The exit code with which a service refuses its settings, a port or a store before it serves."""

HOPELESS = 3
"""The exit code of a service that a restart wouldn't help: something must be fixed first."""

UNREACHABLE = 75
"""The exit code of a service that couldn't reach its store or database before it served; another may, later (``EX_TEMPFAIL``)."""

_THREADS_END_S = 2.0
_OPEN_FILES = 65_536

Config = TypeVar("Config", bound=ServiceConfig)


class Application(Protocol):
    """One service: what it serves, what it does beside serving, how it ends."""

    @property
    def interceptors(self) -> Sequence[grpc.aio.ServerInterceptor[Any, Any]]:
        """Interceptors that each call passes through before it is served, such as authentication."""
        ...

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Add the servicers to a server and return their full names."""
        ...

    async def run(self) -> None:
        """Do the work that goes on beside serving, until cancelled. If it returns or raises, the service ends."""
        ...

    async def drain(self) -> None:
        """Store what must not be lost. Called once, after the last call was served."""
        ...


def main(
    name: str,
    config_type: type[Config],
    build: Callable[[Config], Awaitable[Application]],
    *,
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a service until SIGTERM or SIGINT and return its exit code (`run_to_exit`)."""

    def run(served: asyncio.Event) -> None:
        config = load_config(config_type, sys.argv[1:] if arguments is None else arguments)
        telemetry.set_up_logging(service=name, level=config.log_level)
        asyncio.run(_build_and_serve(name, config, build, served=served))

    return run_to_exit(name, run)


def run_to_exit(name: str, run: Callable[[asyncio.Event], None]) -> int:
    """Do all that a serving process is for and return its exit code.

    An error that ends it is the last line on standard error: before it serves with exit code `BAD_SETTINGS` or `UNREACHABLE`,
    later with `HOPELESS` if trying again is pointless (`somersault.errors.Retry`), else with `FAILED`. An error that isn't one of the
    domain is logged in full first. Threads that never return are left behind.

    Args:
        name: What the line begins with.
        run: Reads the settings and serves; it sets the event once calls are accepted.
    """
    private_files.keep_private()
    telemetry.set_up_logging(
        service=name
    )  # until the settings say how: an error before then is logged without secrets too
    allocator.keep_freed_memory()
    _allow_many_files()
    earlier = set(threading.enumerate())
    if not faulthandler.is_enabled():
        faulthandler.enable(file=2)
    served = asyncio.Event()
    code = 0
    try:
        failpoints.arm(environment(failpoints.VARIABLE))
        run(served)
    except Exception as error:
        code = say_end(name, root_of(error), has_served=served.is_set())
    return _leave(code, earlier)


def _allow_many_files() -> None:
    """Raise the process's own bound on open files, as far as it may: a thousand silent connections use up the usual one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def say_end(name: str, error: BaseException, *, has_served: bool) -> int:
    """Write why the service ends and return its exit code."""
    if isinstance(error, SomersaultError):
        told, code = str(error), HOPELESS if error.is_hopeless else FAILED
        if not has_served:
            code = UNREACHABLE if isinstance(error, UnavailableError) else BAD_SETTINGS
    else:
        _log.error("service_failed", exc_info=error)
        told, code = f"it failed with {type(error).__name__}: {error}{_place_of(error)}", FAILED
    sys.stderr.write(f"somersault {name}: {' '.join(told.split())}\n")
    sys.stderr.flush()
    return code


def _place_of(error: BaseException) -> str:
    """Return where an error was raised, as " (FILE:LINE)"; "" if that is unknown."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


async def _build_and_serve(
    name: str, config: Config, build: Callable[[Config], Awaitable[Application]], *, served: asyncio.Event
) -> None:
    async def work(stopped: asyncio.Event) -> None:
        _log.info("starting", name=name, config=config.as_logged())
        await serve(await build(config), config, stopped=stopped, on_bound=lambda _port: served.set())

    await until_signalled(work)


async def until_signalled(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Do a process's whole work, which is to end soon after its event is set: at SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_default_executor(_Threads(thread_name_prefix="asyncio"))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await work(stopped)


async def serve(
    application: Application,
    config: ServiceConfig,
    *,
    stopped: asyncio.Event,
    on_bound: Callable[[int], None] | None = None,
) -> None:
    """Serve an application until ``stopped`` is set or its own work ends, then drain it.

    Args:
        application: The service.
        config: Where to listen and how long to drain.
        stopped: Ends the service when set.
        on_bound: Called with the port once calls are taken.

    Raises:
        ConfigError: a port can't be used.
        Exception: what the application's own work raised.
    """
    tls = _mutual_tls(config)
    checks = [] if tls is None else [tls.authorization]
    server = create_server(
        [*checks, *application.interceptors], max_connection_age_s=config.max_connection_age_s
    )
    names = application.add_to(server)
    health = serve_health(server, names, has_reflection=config.has_reflection)
    port = bind(
        server, host=config.host, port=config.port, credentials=None if tls is None else tls.credentials
    )
    health_server = _health_server(health, config)
    if config.metrics_port is not None:
        telemetry.serve_metrics(host=config.host, port=config.metrics_port)
    await server.start()
    await health_server.start()
    await set_serving(health, names, is_serving=True)
    _log.info("serving", host=config.host, port=port, services=list(names))
    if on_bound:
        on_bound(port)
    work = asyncio.create_task(application.run())
    report = None if tls is None else asyncio.create_task(tls.connections.report())
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
        if report is not None:
            report.cancel()
        await server.stop(config.drain_s)
        await health_server.stop(None)
        await application.drain()
        _log.info("stopped")


def _mutual_tls(config: ServiceConfig) -> MutualTls | None:
    """Return what a service's port needs to know its callers; None if it has no certificates.

    Raises:
        ConfigError: its certificates can't be used.
    """
    if config.certificates_path is None:
        _log.warning("not_encrypted", host=config.host, reason="certificates_path is not set")
        return None
    return mutual_tls(
        open_folder(config.certificates_path),
        identity=config.identity,
        prefixes=config.identity_prefixes,
        has_public_port=config.has_public_port,
    )


def _health_server(servicer: Any, config: ServiceConfig) -> grpc.aio.Server:
    """Return a server of health checks alone, which listens nowhere unless asked to."""
    server = create_server()
    add_health(server, servicer)
    if config.health_port is not None:
        bind(server, host=config.host, port=config.health_port)
    return server


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task


class _Threads(ThreadPoolExecutor):
    """Threads that nothing waits for: `Application.drain` stores what must not be lost."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002
        """Start no more work, and leave running work alone."""
        super().shutdown(wait=False, cancel_futures=True)


def _leave(code: int, earlier: Container[threading.Thread]) -> int:
    """Return the exit code, once the threads that were started since have ended.

    One that never ends, because it runs a user's function that never returns, would keep the drained process alive forever.
    """
    STORE_THREADS.end()
    give_up_s = time.monotonic() + _THREADS_END_S
    for thread in threading.enumerate():
        if thread not in earlier and not thread.daemon:
            thread.join(max(0.0, give_up_s - time.monotonic()))
            if thread.is_alive():
                _log.warning("thread_left_behind", thread=thread.name)
                sys.stderr.flush()
                os._exit(code)
    return code
