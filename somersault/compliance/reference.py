"""The labeler with which front ends are checked: the real one, as a process, in a temporary folder."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from somersault import rpc
from somersault.cli.services.health import wait_until_healthy
from somersault.cli.services.ports import LOOPBACK, choose_ports
from somersault.domain.keys import sealed_key, segment_key
from somersault.domain.roles import Role
from somersault.errors import UnavailableError
from somersault.formats.strict_json import dump_json
from somersault.processes.launch import launch_command
from somersault.processes.modules import module_command
from somersault.runtime.urls import file_url, sqlite_url
from somersault.storage import ObjectStore, open_store
from somersault.v1 import (
    labeler_pb2,
    labeler_pb2_grpc,
    preference_pb2,
    simulator_pb2,
    simulator_pb2_grpc,
    trajectory_pb2,
)

__all__ = ["HEADLINE", "QUESTION", "RUN_ID", "ReferenceLabeler", "reference_labeler", "started"]

RUN_ID = "compliance"
QUESTION = "Which square is more to your liking?"
HEADLINE = "The square learned to move as you like it."
_TIMEOUT_S = 30.0


class ReferenceLabeler:
    """A labeler with one run, with methods that propose queries and write guidelines."""

    def __init__(self, address: str, tokens: dict[str, str]) -> None:
        """Take its address and a token of each role."""
        self.address = address
        self.labeler_token = tokens[Role.LABELER.value]
        self.owner_token = tokens[Role.OWNER.value]
        self._channel = rpc.open_channel(address, token=self.owner_token)
        self._stub: Any = labeler_pb2_grpc.LabelerServiceStub(self._channel)
        self._num_proposed = 0

    async def begin(self) -> None:
        """Create the run, without gold, so that everyone gets the queries in order."""
        run = labeler_pb2.CreateRunRequest(run_id=RUN_ID, task="compliance", question=QUESTION)
        await rpc.call(self._stub.CreateRun, run, timeout_s=5, retry_for_s=_TIMEOUT_S)
        await self._stub.UpdateRun(labeler_pb2.UpdateRunRequest(run_id=RUN_ID, gold_interval=0), timeout=5)

    async def set_guidelines(self, text: str) -> int:
        """Write guidelines and return their version."""
        request = labeler_pb2.SetGuidelinesRequest(run_id=RUN_ID, text=text)
        return int((await self._stub.SetGuidelines(request, timeout=5)).version)

    async def propose(self, count: int) -> None:
        """Propose queries and wait until their clips are ready."""
        numbers = range(self._num_proposed, self._num_proposed + count)
        self._num_proposed += count
        proposals = [
            labeler_pb2.Proposal(
                proposal_id=f"pair-{number}",
                first=_segment(f"pair-{number}-a"),
                second=_segment(f"pair-{number}-b"),
                wants_clips=True,
            )
            for number in numbers
        ]
        request = labeler_pb2.ProposeQueriesRequest(run_id=RUN_ID, proposals=proposals)
        await self._stub.ProposeQueries(request, timeout=5)
        async with asyncio.timeout(_TIMEOUT_S):
            while (await self._stats()).num_rendering:  # noqa: ASYNC110 - what is awaited happens in another process
                await asyncio.sleep(0.05)

    async def finish(self) -> None:
        """Finish the run: none of its queries is leased any more."""
        request = labeler_pb2.UpdateRunRequest(
            run_id=RUN_ID,
            state=labeler_pb2.RUN_STATE_FINISHED,
            result=labeler_pb2.RunResult(env_steps=1000, num_labels=self._num_proposed, headline=HEADLINE),
        )
        await self._stub.UpdateRun(request, timeout=5)

    async def log(self) -> list[preference_pb2.PreferenceRecord]:
        """Return the whole log."""
        request = labeler_pb2.ExportPreferencesRequest(run_id=RUN_ID)
        stream = self._stub.ExportPreferences(request, timeout=10)
        return [record async for response in stream for record in response.records]

    async def num_leased(self) -> int:
        """Return the number of leased queries."""
        return int((await self._stats()).num_leased)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close(None)

    async def _stats(self) -> labeler_pb2.GetStatsResponse:
        request = labeler_pb2.GetStatsRequest(run_id=RUN_ID)
        stats: labeler_pb2.GetStatsResponse = await self._stub.GetStats(request, timeout=5)
        return stats


@contextlib.asynccontextmanager
async def reference_labeler(folder: Path) -> AsyncIterator[ReferenceLabeler]:
    """Start a labeler whose clips are the few that come with this package.

    Raises:
        UnavailableError: it didn't start.
    """
    tokens = {role.value: secrets.token_hex(24) for role in Role}
    token_path = folder / "tokens.json"
    token_path.touch(mode=0o600)
    token_path.write_text(dump_json(tokens), encoding="utf-8")
    store = open_store(file_url(folder))
    simulator = rpc.create_server()
    simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(
        _Simulator(store),  # type: ignore[abstract]  # nothing but Render is asked for
        simulator,
    )
    simulator_port = rpc.bind(simulator, host=LOOPBACK, port=0)
    await simulator.start()
    (port,) = choose_ports(1)
    flags = {
        "--port": str(port),
        "--database-url": sqlite_url(folder / "labels.sqlite"),
        "--storage-url": file_url(folder),
        "--simulator-addresses": f"{LOOPBACK}:{simulator_port}",
        "--token-path": str(token_path),
    }
    address = f"{LOOPBACK}:{port}"
    try:
        async with started("services.labeler", flags, log=folder / "labeler.log", address=address):
            labeler = ReferenceLabeler(address, tokens)
            await labeler.begin()
            yield labeler
            await labeler.close()
    finally:
        await simulator.stop(None)


@contextlib.asynccontextmanager
async def started(
    module: str, flags: dict[str, str], *, log: Path, address: str, is_http: bool = False
) -> AsyncIterator[None]:
    """Start one of the services as a process that ends with the block, or with this process.

    Raises:
        UnavailableError: it ended at once, or takes no calls.
    """
    service = module_command(module, *(part for flag in flags.items() for part in flag))
    with log.open("wb") as output:
        # In a session of its own, so that Ctrl-C ends the check and not the labeler in the middle of it.
        process = await asyncio.create_subprocess_exec(
            *launch_command(service), stdout=output, stderr=output, start_new_session=True
        )
        try:
            await _until_healthy(process, address, is_http=is_http)
            yield
        except TimeoutError as error:
            words = (await asyncio.to_thread(log.read_text))[-500:]
            raise UnavailableError(f"{module} takes no calls: {words}") from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _until_healthy(process: asyncio.subprocess.Process, address: str, *, is_http: bool) -> None:
    healthy = asyncio.create_task(wait_until_healthy(address, is_http=is_http))
    ended = asyncio.create_task(process.wait())
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            await asyncio.wait({healthy, ended}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            raise TimeoutError
    finally:
        healthy.cancel()
        ended.cancel()


class _Simulator(simulator_pb2_grpc.SimulatorServiceServicer):
    """Renders nothing: whatever segment is asked for, it stores one of the package's clips."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._clips = _clips()

    async def Render(
        self, request: simulator_pb2.RenderRequest, context: Any
    ) -> simulator_pb2.RenderResponse:
        clip = self._clips[sum(request.segment_uri.encode()) % len(self._clips)]
        stored = await asyncio.to_thread(self._store.put, request.clip_uri, clip)
        return simulator_pb2.RenderResponse(clip_uri=request.clip_uri, clip_sha256=stored.sha256)


def _clips() -> Sequence[bytes]:
    folder = resources.files("somersault.compliance") / "clips"
    return [one.read_bytes() for one in sorted(folder.iterdir(), key=str) if one.name.endswith(".mp4")]


def _segment(name: str) -> trajectory_pb2.StoredSegment:
    return trajectory_pb2.StoredSegment(
        segment_id=name,
        segment_uri=segment_key(RUN_ID, name),
        sealed_uri=sealed_key(RUN_ID, name),
        duration_s=1.5,
    )
