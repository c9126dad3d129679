"""Checks a front end: serves it a labeler, watches what it does, fails a few calls on purpose, and judges the result."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from somersault import rpc
from somersault.cli.services.ports import LOOPBACK, choose_ports
from somersault.compliance.checks import Outcome
from somersault.compliance.client_rules import Quiet, judge
from somersault.compliance.front_end import check_command, running
from somersault.compliance.proxy import LabelerProxy
from somersault.compliance.reference import RUN_ID, ReferenceLabeler, reference_labeler, started
from somersault.compliance.sighting import Sighting

__all__ = ["NUM_QUERIES", "ClientOptions", "Place", "check_client"]

_NUM_FIRST, _NUM_LATER = 8, 4
NUM_QUERIES = _NUM_FIRST + _NUM_LATER
"""Pairs that the front end is given."""

_QUIET_S = 6.0
_LAST_WORDS_S = 2.0  # for calls under way when the last query is settled: a repeat, an undo


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """How a front end is checked."""

    port: int = 0
    """Where the labeler listens for gRPC; 0 takes a free port."""
    gateway_port: int = 0
    """Where the gateway listens for HTTP; 0 takes a free port."""
    allowed_origins: str = ""
    """Origins whose pages may call the gateway, separated by commas."""
    time_limit_s: float = 900.0
    """When to give up waiting for answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a front end finds the labeler."""

    address: str
    gateway: str
    token: str
    run_id: str

    def fill_in(self, command: Sequence[str]) -> list[str]:
        """Return a command with {address}, {gateway}, {token} and {run_id} filled in."""
        values = {
            "address": self.address,
            "gateway": self.gateway,
            "token": self.token,
            "run_id": self.run_id,
        }
        for name, value in values.items():
            command = [part.replace(f"{{{name}}}", value) for part in command]
        return list(command)


async def check_client(
    options: ClientOptions,
    *,
    on_place: Callable[[Place], None],
    command: Sequence[str] = (),
    on_end: Callable[[str], None] = lambda _: None,
) -> list[Outcome]:
    """Return the outcome of each rule, once the front end has settled every query or the time is up.

    Args:
        options: Where to listen and for how long.
        on_place: Called with where the front end finds the labeler.
        command: Starts the front end, if it is to be started; it is ended once everything has been seen.
        on_end: Called with how the front end ended, if it ended by itself.

    Raises:
        SomersaultError: a port can't be used, the labeler doesn't start, or the command can't be started or ended
            before it asked for a pair.
    """
    check_command(command)
    sighting = Sighting()
    with tempfile.TemporaryDirectory(prefix="somersault-compliance-") as folder:
        async with (
            _until_interrupted() as ended,
            reference_labeler(Path(folder)) as labeler,
            _serving(labeler, sighting, options, Path(folder)) as place,
        ):
            on_place(place)
            async with running(place.fill_in(command), ended) as front_end:
                quiet, rest = await _try_out(labeler, sighting, ended, time_limit_s=options.time_limit_s)
    front_end.check_that_it_called(len(sighting.askings))
    if front_end.end and sighting.num_settled < NUM_QUERIES:
        on_end(f"{front_end.end} with {sighting.num_settled} of {NUM_QUERIES} pairs settled")
    return judge(sighting, quiet, rest)


async def _try_out(
    labeler: ReferenceLabeler, sighting: Sighting, ended: asyncio.Event, *, time_limit_s: float
) -> tuple[Quiet | None, Quiet | None]:
    """Serve queries, then none for a while, then some more under new guidelines, then finish the run.

    Returns:
        The time without queries and the time after the end, as far as these were reached.
    """
    quiet = rest = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(time_limit_s):
            await labeler.set_guidelines("Prefer the *calmer* square.")
            await labeler.propose(_NUM_FIRST)
            if not await _until_settled(sighting, _NUM_FIRST, ended):
                return None, None
            quiet = await _quiet_time(sighting)
            if ended.is_set():
                return quiet, None
            await labeler.set_guidelines("Prefer the *livelier* square.")
            await labeler.propose(_NUM_LATER)
            is_settled = await _until_settled(sighting, NUM_QUERIES, ended)
            await asyncio.sleep(_LAST_WORDS_S)
            if is_settled:
                await labeler.finish()
                rest = await _quiet_time(sighting)
    return quiet, rest


async def _quiet_time(sighting: Sighting) -> Quiet:
    """Wait for a while during which there is nothing to lease."""
    begin, num_settled = time.monotonic(), sighting.num_settled
    await asyncio.sleep(_QUIET_S)
    return Quiet(begin=begin, end=time.monotonic(), num_settled=num_settled)


async def _until_settled(sighting: Sighting, count: int, ended: asyncio.Event) -> bool:
    """Wait until that many queries are answered or released; return False if the front end ended first."""
    while sighting.num_settled < count:
        if ended.is_set():
            return False
        await asyncio.sleep(0.05)
    return True


@contextlib.asynccontextmanager
async def _serving(
    labeler: ReferenceLabeler, sighting: Sighting, options: ClientOptions, folder: Path
) -> AsyncIterator[Place]:
    server = rpc.create_server()
    proxy = LabelerProxy(labeler.address, sighting.around)
    proxy.add_to(server)
    address = f"{LOOPBACK}:{rpc.bind(server, host=LOOPBACK, port=options.port)}"
    await server.start()
    gateway = f"{LOOPBACK}:{options.gateway_port or choose_ports(1)[0]}"
    flags = {"--labeler-address": address, "--run-id": RUN_ID, "--port": gateway.rpartition(":")[2]}
    if options.allowed_origins:
        flags["--allowed-origins"] = options.allowed_origins
    web = started("services.web", flags, log=folder / "web.log", address=gateway, is_http=True)
    try:
        async with web:
            yield Place(
                address=address, gateway=f"http://{gateway}", token=labeler.labeler_token, run_id=RUN_ID
            )
    finally:
        await server.stop(None)
        await proxy.close()


@contextlib.asynccontextmanager
async def _until_interrupted() -> AsyncIterator[asyncio.Event]:
    """Yield an event that Ctrl-C sets: what was seen until then is judged."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, ended.set)
    try:
        yield ended
    finally:
        loop.remove_signal_handler(signal.SIGINT)
