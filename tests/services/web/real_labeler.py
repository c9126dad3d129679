"""The real labeler as a process of its own, which can be killed, and what it needs beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from somersault.rpc import open_channel
from somersault.runtime.urls import file_url, sqlite_url
from somersault.v1 import labeler_pb2, labeler_pb2_grpc, simulator_pb2, simulator_pb2_grpc, trajectory_pb2

__all__ = ["NUM_QUERIES", "RUN_ID", "RealLabeler", "Simulator", "calling", "propose", "read_log"]

RUN_ID = "flip-1"
NUM_QUERIES = 12


class Simulator(simulator_pb2_grpc.SimulatorServiceServicer):
    """Stores a little video for every clip that is asked for."""

    def __init__(self, store, clips) -> None:
        """Keep where clips go and what they show."""
        self._store = store
        self._clips = clips

    async def Render(self, request, context):
        """Store the next video."""
        clip = self._clips[len(request.clip_uri) % len(self._clips)]
        stored = await asyncio.to_thread(self._store.put, request.clip_uri, clip)
        return simulator_pb2.RenderResponse(clip_uri=request.clip_uri, clip_sha256=stored.sha256)


class RealLabeler:
    """The labeler's process, on the same port and database whenever it is started."""

    def __init__(self, folder: Path, *, port: int, simulator_port: int) -> None:
        """Write the tokens."""
        self.tokens = {role: secrets.token_hex(24) for role in ("owner", "service", "labeler")}
        token_path = folder / "tokens.json"
        token_path.write_text(json.dumps(self.tokens))
        token_path.chmod(0o600)
        self.address = f"127.0.0.1:{port}"
        flags = {
            "--port": port,
            "--database-url": sqlite_url(folder / "labels.sqlite"),
            "--storage-url": file_url(folder),
            "--simulator-addresses": f"127.0.0.1:{simulator_port}",
            "--token-path": token_path,
        }
        self._command = [sys.executable, "-m", "services.labeler"]
        for flag, value in flags.items():
            self._command += [flag, str(value)]
        self._log = folder / "labeler.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the process."""
        with self._log.open("a") as log:
            self._process = subprocess.Popen(self._command, stderr=log)

    def kill(self) -> None:
        """End the process as a power cut would."""
        self._process.kill()
        self._process.wait()


@contextlib.asynccontextmanager
async def calling(labeler: RealLabeler, token: str) -> AsyncIterator[labeler_pb2_grpc.LabelerServiceStub]:
    """Yield a stub that calls with a token."""
    async with open_channel(labeler.address, token=token) as channel:
        yield labeler_pb2_grpc.LabelerServiceStub(channel)


async def propose(labeler: RealLabeler, *, prefix: str = "first") -> None:
    """Make a run with some queries, as the reward service does."""
    proposals = []
    for number in range(NUM_QUERIES):
        names = (f"{prefix}-{number}-a", f"{prefix}-{number}-b")
        segments = [
            trajectory_pb2.StoredSegment(
                segment_id=name,
                segment_uri=f"{RUN_ID}/segments/{name}.safetensors",
                sealed_uri=f"{RUN_ID}/sealed/{name}.safetensors",
                duration_s=1.5,
            )
            for name in names
        ]
        proposals.append(
            labeler_pb2.Proposal(
                proposal_id=f"{prefix}-{number}", first=segments[0], second=segments[1], wants_clips=True
            )
        )
    async with calling(labeler, labeler.tokens["service"]) as stub:
        run = labeler_pb2.CreateRunRequest(
            run_id=RUN_ID, task="hopper-backflip", question="Which flips better?"
        )
        await stub.CreateRun(run, timeout=30, wait_for_ready=True)
        await stub.ProposeQueries(
            labeler_pb2.ProposeQueriesRequest(run_id=RUN_ID, proposals=proposals), timeout=10
        )


async def read_log(labeler: RealLabeler, *, num_records: int) -> list:
    """Return the preference log once it has ``num_records`` rows, and any that come in the next second."""
    records = []
    async with calling(labeler, labeler.tokens["service"]) as stub:
        request = labeler_pb2.WatchPreferencesRequest(run_id=RUN_ID)
        try:
            async for response in stub.WatchPreferences(request, timeout=60, wait_for_ready=True):
                records += response.records
                if len(records) >= num_records:
                    break
        except grpc.aio.AioRpcError as error:
            pytest.fail(f"only {len(records)} of {num_records} answers came: {error.details()}")
    return records
