"""Serves the page of a folder's runs until it is stopped."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from somersault.cli.exits.stop_signals import stop_signals
from somersault.cli.runs_page.service import ListingServicer
from somersault.cli.services.ports import LOOPBACK, choose_ports, is_free
from somersault.cli.services.processes import ServiceProcess
from somersault.cli.services.programs import MODULES
from somersault.cli.services.supervisor import Supervisor
from somersault.errors import ConfigError, NotFoundError
from somersault.rpc.server import bind, create_server
from somersault.v1 import labeler_pb2_grpc

__all__ = ["Pages", "serve_runs"]

_PREFERRED_PORT = 8400
_GRACE_S = 0.5


@dataclass(frozen=True, slots=True)
class Pages:
    """Where the page is served."""

    url: str
    """With the token in the fragment, which reaches no server and no log."""
    labeler_address: str
    token: str


def serve_runs(folder: Path, *, web_port: int | None, announce: Callable[[Pages], None]) -> None:
    """Serve the page until SIGINT or SIGTERM.

    Args:
        folder: Holds runs, or folders of runs.
        web_port: The page's port; None for 8400, or any if that is taken.
        announce: Called with the page's address once it is up.

    Raises:
        NotFoundError: there is no such folder.
        ConfigError: the port is in use.
        SomersaultError: the gateway can't be kept running.
    """
    if not folder.is_dir():
        raise NotFoundError(f"no folder {folder}: `somersault train` makes runs/ where it is started")
    if web_port is not None and not is_free(web_port):
        raise ConfigError(
            f"--web-port {web_port} is in use by another program; choose another, or leave it out"
        )
    asyncio.run(_serve(folder, web_port=web_port, announce=announce))


async def _serve(folder: Path, *, web_port: int | None, announce: Callable[[Pages], None]) -> None:
    token = secrets.token_hex(32)
    server = create_server()
    servicer = ListingServicer(folder, token=token)  # type: ignore[abstract]  # the rest is UNIMPLEMENTED
    labeler_pb2_grpc.add_LabelerServiceServicer_to_server(servicer, server)
    labeler_address = f"{LOOPBACK}:{bind(server, host=LOOPBACK, port=0)}"
    port = web_port or (_PREFERRED_PORT if is_free(_PREFERRED_PORT) else choose_ports(1)[0])
    await server.start()
    with tempfile.TemporaryDirectory(prefix="somersault-runs-") as logs:
        supervisor, stopped = Supervisor([_gateway(port, labeler_address)], logs=Path(logs)), asyncio.Event()
        with stop_signals(stopped, kill=supervisor.kill):
            try:
                await supervisor.start()
                url = f"http://{LOOPBACK}:{port}/runs#token={token}"
                announce(Pages(url=url, labeler_address=labeler_address, token=token))
                await _until(stopped, supervisor)
            finally:
                await supervisor.stop()
                await server.stop(_GRACE_S)


async def _until(stopped: asyncio.Event, supervisor: Supervisor) -> None:
    """Wait for a signal to stop.

    Raises:
        SomersaultError: the gateway can't be kept running.
    """
    waiting = {asyncio.create_task(stopped.wait()), asyncio.create_task(supervisor.watch())}
    done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()


def _gateway(port: int, labeler_address: str) -> ServiceProcess:
    return ServiceProcess(
        name="web",
        module=MODULES["web"],
        arguments=("--host", LOOPBACK, "--port", str(port), "--labeler-address", labeler_address),
        address=f"{LOOPBACK}:{port}",
        is_http=True,
    )
