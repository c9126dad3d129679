"""A whole labeler on an ephemeral port, in this process or in its own, and clients of each role."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import grpc.aio

from services.labeler.application import build
from services.labeler.config import LabelerConfig
from somersault import rpc
from somersault.domain.roles import Role
from somersault.errors import SomersaultError
from somersault.runtime import app
from somersault.runtime.config import ServiceConfig
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

RUN_ID = "run-1"
TOKENS = {role: f"{role.value}-token-0123456789" for role in Role}

Stub = Any  # the generated stub's types tell sync and async calls apart only with a cast at each use


@dataclass
class SimulatorDouble(simulator_pb2_grpc.SimulatorServiceServicer):
    """Stores a few bytes as a clip, or fails as it is told to."""

    store: ObjectStore
    failures: list[grpc.StatusCode] = field(default_factory=list)
    """What the next calls fail with, first one first."""
    wrong_sha256: bool = False
    clip: bytes = b""
    """What every clip is; a few bytes that name the segment if empty."""
    clip_uris: list[str] = field(default_factory=list)
    """What was asked for, in order."""

    async def Render(self, request: Any, context: Any) -> simulator_pb2.RenderResponse:
        """Render, or fail."""
        self.clip_uris.append(request.clip_uri)
        if self.failures:
            await context.abort(self.failures.pop(0), "told to fail")
        clip = self.clip or f"clip of {request.segment_uri}".encode()
        self.store.put(request.clip_uri, clip)
        sha256 = "0" * 64 if self.wrong_sha256 else hashlib.sha256(clip).hexdigest()
        return simulator_pb2.RenderResponse(clip_uri=request.clip_uri, clip_sha256=sha256)


@contextlib.asynccontextmanager
async def serving_simulator(double: SimulatorDouble) -> AsyncIterator[str]:
    """Serve a double and return its address."""
    server = rpc.create_server()
    simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(double, server)
    port = rpc.bind(server, host="127.0.0.1", port=0)
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@contextlib.asynccontextmanager
async def serving(application: app.Application, config: ServiceConfig) -> AsyncIterator[int]:
    """Serve an application in this event loop and return its port."""
    stopped, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    task = asyncio.create_task(app.serve(application, config, stopped=stopped, on_bound=port.set_result))
    try:
        await asyncio.wait({task, port}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield await port
    finally:
        stopped.set()
        await task


class RunningLabeler:
    """A labeler that tests call over gRPC."""

    def __init__(self, port: int, store: ObjectStore) -> None:
        """Take where it listens and its object store."""
        self.address = f"127.0.0.1:{port}"
        self.store = store
        self._channels: dict[str, grpc.aio.Channel] = {}

    def as_token(self, token: str | None) -> Stub:
        """Return a stub that sends a token."""
        if str(token) not in self._channels:
            self._channels[str(token)] = rpc.open_channel(self.address, token=token)
        return labeler_pb2_grpc.LabelerServiceStub(self._channels[str(token)])

    def channel(self) -> grpc.aio.Channel:
        """Return a channel that sends nothing of its own."""
        self.as_token(None)
        return self._channels[str(None)]

    def as_role(self, role: Role) -> Stub:
        """Return a stub for the one labeler that every role has."""
        return self.as_token(TOKENS[role])

    async def new_labeler(self, role: Role = Role.TEACHER) -> Stub:
        """Invite one more labeler and return its stub."""
        return self.as_token(await self.invite(role))

    async def invite(self, role: Role = Role.TEACHER) -> str:
        """Invite one more labeler and return its token."""
        number = {Role.LABELER: preference_pb2.ROLE_LABELER, Role.TEACHER: preference_pb2.ROLE_TEACHER}[role]
        request = labeler_pb2.CreateLabelerRequest(name="another", role=number)
        token: str = (await self.as_role(Role.OWNER).CreateLabeler(request)).token
        return token

    async def create_run(self, run_id: str = RUN_ID, question: str = "Which is better?") -> None:
        """Create a run."""
        request = labeler_pb2.CreateRunRequest(run_id=run_id, task="hopper-backflip", question=question)
        await rpc.call(self.as_role(Role.SERVICE).CreateRun, request, timeout_s=5, retry_for_s=10)

    async def propose(self, *names: str, wants_clips: bool = False, run_id: str = RUN_ID) -> list[str]:
        """Propose one query per name, each of its own two segments; return their ids."""
        request = labeler_pb2.ProposeQueriesRequest(
            run_id=run_id,
            proposals=[proposal(name, wants_clips=wants_clips, run_id=run_id) for name in names],
        )
        return list((await self.as_role(Role.SERVICE).ProposeQueries(request)).query_ids)

    async def log(self, run_id: str = RUN_ID) -> list[preference_pb2.PreferenceRecord]:
        """Return the whole preference log."""
        request = labeler_pb2.ExportPreferencesRequest(run_id=run_id)
        stream = self.as_role(Role.OWNER).ExportPreferences(request)
        return [record async for response in stream for record in response.records]

    async def stats(self, run_id: str = RUN_ID) -> labeler_pb2.GetStatsResponse:
        """Return a run's counts."""
        request = labeler_pb2.GetStatsRequest(run_id=run_id)
        response: labeler_pb2.GetStatsResponse = await self.as_role(Role.OWNER).GetStats(request)
        return response

    async def close(self) -> None:
        """Hangs up."""
        for channel in self._channels.values():
            await channel.close()


@contextlib.asynccontextmanager
async def running_labeler(folder: Path, **settings: Any) -> AsyncIterator[RunningLabeler]:
    """Serve a labeler whose database and objects are in a folder."""
    config = LabelerConfig.model_validate(
        {
            "database_url": sqlite_url(folder / "labels.sqlite"),
            "storage_url": file_url(folder / "objects"),
            "token_path": write_tokens(folder),
            **settings,
        }
    )
    async with serving(await build(config), config) as port:
        labeler = RunningLabeler(port, open_store(config.storage_url))
        yield labeler
        await labeler.close()


def write_tokens(folder: Path) -> Path:
    """Write a token file with one token per role."""
    path = folder / "tokens.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(TOKENS))
    return path


def stored_segment(name: str, *, run_id: str = RUN_ID) -> trajectory_pb2.StoredSegment:
    """Return the message of a segment in object storage."""
    return trajectory_pb2.StoredSegment(
        segment_id=name,
        segment_uri=f"{run_id}/segments/{name}.safetensors",
        sealed_uri=f"{run_id}/sealed/{name}.safetensors",
        duration_s=1.5,
    )


def proposal(name: str, *, wants_clips: bool = False, run_id: str = RUN_ID) -> labeler_pb2.Proposal:
    """Return a proposal of two segments named after it."""
    return labeler_pb2.Proposal(
        proposal_id=name,
        first=stored_segment(f"{name}-first", run_id=run_id),
        second=stored_segment(f"{name}-second", run_id=run_id),
        wants_clips=wants_clips,
    )


async def lease(stub: Stub, *, count: int = 1, wait_s: float = 0, lease_s: float = 0) -> list[Any]:
    """Leases queries of the run."""
    request = labeler_pb2.LeaseQueriesRequest(run_id=RUN_ID, count=count, wait_s=wait_s, lease_s=lease_s)
    return list((await stub.LeaseQueries(request)).leases)


async def submit(
    stub: Stub, token: str, answer_id: str, preference: int = preference_pb2.PREFERENCE_LEFT
) -> preference_pb2.PreferenceRecord:
    """Answer a leased query and return the log's row."""
    request = labeler_pb2.SubmitPreferenceRequest(
        lease_token=token,
        answer_id=answer_id,
        preference=preference,  # type: ignore[arg-type]
        response_ms=1200,
    )
    record: preference_pb2.PreferenceRecord = (await stub.SubmitPreference(request)).record
    return record


async def refused(call: Any) -> SomersaultError:
    """Return the error that a call ends with."""
    try:
        with rpc.translated_errors():
            await call
    except SomersaultError as err:
        return err
    raise AssertionError("the call was not refused")


async def until(condition: Callable[[], Any], *, timeout_s: float = 10) -> Any:
    """Wait until an awaitable condition gives something true, and return that."""
    async with asyncio.timeout(timeout_s):
        while True:
            if found := await condition():
                return found
            await asyncio.sleep(0.02)
