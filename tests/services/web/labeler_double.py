"""A labeler in memory behind a real gRPC server, and the little videos that it gives out."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
from dataclasses import dataclass, field

import av
import grpc.aio
import numpy as np

from somersault.errors import (
    AlreadyExistsError,
    CorruptDataError,
    LeaseExpiredError,
    NotFoundError,
    PermissionDeniedError,
    UnauthenticatedError,
)
from somersault.rpc import bind, create_server
from somersault.rpc.peers import PEER_KEY
from somersault.v1 import labeler_pb2, labeler_pb2_grpc, preference_pb2
from somersault.wire.clip_paths import clip_path, policy_clip_path

__all__ = ["BREAKS_OFF", "QUESTION", "LabelerDouble", "LabelerProcess", "draw_clip"]

QUESTION = "Which one does the better backflip? <b>Judge</b> the whole clip."
BREAKS_OFF = b"-"


def draw_clip(seed: int, *, seconds: float = 0.6, size: int = 96) -> bytes:
    """Return a little H.264 video of a moving square."""
    stream_bytes = io.BytesIO()
    generator = np.random.default_rng(seed)
    ground, square = generator.integers(0, 256, (2, 3), dtype=np.uint8)
    with av.open(stream_bytes, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for index in range(round(seconds * 30)):
            picture = np.broadcast_to(ground, (size, size, 3)).copy()
            picture[index % size : index % size + 24, index : index + 24] = square
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return stream_bytes.getvalue()


def _sides(query_id: str) -> dict[str, preference_pb2.Side]:
    return {side: preference_pb2.Side(clip_url=clip_path(query_id, side)) for side in ("left", "right")}


@dataclass
class LabelerDouble(labeler_pb2_grpc.LabelerServiceServicer):
    """Keeps the promises of the protos that the page relies on, in memory, without roles beyond leasing."""

    clips: list[bytes]
    roles: dict[str, int] = field(default_factory=lambda: {"labeler-token": preference_pb2.ROLE_LABELER})
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By token: its holder's id and name, if not those of everybody."""
    sessions: dict[str, str] = field(default_factory=dict)
    """By ``RUN/SECRET``: the token that began it."""
    num_open: int = 0
    records: list[preference_pb2.PreferenceRecord] = field(default_factory=list)
    num_proposed: int = 0
    leases: dict[str, str] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)
    is_corrupt: bool = False
    hangs_after_commit: bool = False
    is_committed: asyncio.Event = field(default_factory=asyncio.Event)
    num_submits: int = 0
    lease_asked: asyncio.Event = field(default_factory=asyncio.Event)
    lease_cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    returned: list[str] = field(default_factory=list)
    release_asked: asyncio.Event = field(default_factory=asyncio.Event)
    release_s: float = 0.0
    """How long it takes to give a lease back."""
    guidelines: list[str] = field(default_factory=list)
    state: int = labeler_pb2.RUN_STATE_RUNNING
    """Where the run is in its life; a wait for pairs ends when it changes."""
    result: labeler_pb2.RunResult | None = None
    label_budget: int = 0
    num_awaited: int = 0
    policy_clips: list[labeler_pb2.PolicyClip] = field(default_factory=list)
    """Oldest first; each shows one of the little videos, by its version."""
    practice: list[labeler_pb2.PracticePair] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)
    returnable: list[str] = field(default_factory=list)
    """Queries that were returned and are leased before new ones."""
    stats: labeler_pb2.GetStatsResponse = field(
        default_factory=lambda: labeler_pb2.GetStatsResponse(num_rendering=2)
    )
    """What else there is to count."""
    num_asked: int = 0
    peers: list[str | None] = field(default_factory=list)
    """Where the gateway said that each call came from."""

    def answers(self) -> list[tuple[str, int, int]]:
        """Return (query, version, preference) of each log row."""
        return [(row.query_id, row.version, row.preference) for row in self.records]

    async def WhoAmI(self, request, context):
        """Return the token's holder."""
        role = self._role(context)
        labeler_id, name = self.names.get(self._token(context), ("labeler-1", "Ada"))
        return labeler_pb2.WhoAmIResponse(labeler_id=labeler_id, name=name, role=role)

    async def CreateSession(self, request, context):
        """Begin a session of a token's holder."""
        self._role(context)
        secret = f"{len(self.sessions):064x}"
        token = dict(context.invocation_metadata())["authorization"].removeprefix("Bearer ")
        self.sessions[f"{request.run_id}/{secret}"] = token
        return labeler_pb2.CreateSessionResponse(secret=secret)

    async def EndSession(self, request, context):
        """End the caller's session."""
        authorization = dict(context.invocation_metadata())["authorization"]
        self.sessions.pop(authorization.removeprefix("Session "), None)
        return labeler_pb2.EndSessionResponse()

    async def LeaseQueries(self, request, context):
        """Waits, then leases in order."""
        if self._role(context) != preference_pb2.ROLE_LABELER:
            raise PermissionDeniedError("only labelers and teachers lease")
        self.lease_asked.set()
        try:
            await self._wait_for_open(request.wait_s)
        except asyncio.CancelledError:
            self.lease_cancelled.set()
            raise
        count = 0 if self._is_at_rest() else min(request.count, self.num_open)
        self.num_open -= count
        return labeler_pb2.LeaseQueriesResponse(
            leases=[self._lease(request) for _ in range(count)],
            is_paused=not count and self.state == labeler_pb2.RUN_STATE_PAUSED,
            run_state=self.state,
        )

    def _is_at_rest(self) -> bool:
        return self.state in (labeler_pb2.RUN_STATE_PAUSED, labeler_pb2.RUN_STATE_FINISHED)

    def _token(self, context) -> str | None:
        scheme, _, token = dict(context.invocation_metadata()).get("authorization", "").partition(" ")
        return self.sessions.get(token) if scheme == "Session" else token

    def _role(self, context) -> int:
        self.peers.append(dict(context.invocation_metadata()).get(PEER_KEY))
        token = self._token(context)
        if token not in self.roles:
            raise UnauthenticatedError("the token is unknown")
        return self.roles[token]

    async def _wait_for_open(self, wait_s: float) -> None:
        state = self.state
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(wait_s, 0.5) if self._is_at_rest() else wait_s):
                while self.num_open == 0 and self.state == state:
                    await asyncio.sleep(0.02)

    def _lease(self, request) -> preference_pb2.Lease:
        if self.returnable:
            query_id = self.returnable.pop(0)
        else:
            query_id = f"query-{self.num_proposed:03d}"
            self.num_proposed += 1
        self.leases[f"lease-{query_id}"] = query_id
        query = preference_pb2.Query(
            query_id=query_id,
            run_id="flip-1",
            question=QUESTION,
            guidelines_version=len(self.guidelines),
            **_sides(query_id),
        )
        return preference_pb2.Lease(lease_token=f"lease-{query_id}", query=query, remaining_s=120.0)

    async def RenewLease(self, request, context):
        """Renew a lease."""
        if request.lease_token not in self.leases:
            raise LeaseExpiredError("the lease ended")
        return labeler_pb2.RenewLeaseResponse(remaining_s=120.0)

    async def ReleaseQuery(self, request, context):
        """Release a query; one that is only returned may be leased again."""
        self.release_asked.set()
        await asyncio.sleep(self.release_s)
        query_id = self.leases.pop(request.lease_token, None)
        if query_id is not None:
            (self.returned if request.is_returned else self.released).append(query_id)
        if query_id is not None and request.is_returned:
            self.returnable = sorted([*self.returnable, query_id])
            self.num_open += 1
        return labeler_pb2.ReleaseQueryResponse()

    async def SubmitPreference(self, request, context):
        """Commit an answer once; then hang if told to."""
        self._role(context)
        self.num_submits += 1
        for record in self.records:
            if record.answer_id == request.answer_id:
                return labeler_pb2.SubmitPreferenceResponse(record=record)
        if request.lease_token not in self.leases:
            raise LeaseExpiredError("there is no such lease")
        record = self._commit(
            query_id=self.leases.pop(request.lease_token),
            answer_id=request.answer_id,
            version=1,
            preference=request.preference,
            response_ms=request.response_ms,
        )
        if self.hangs_after_commit:
            self.is_committed.set()
            await asyncio.sleep(60)
        return labeler_pb2.SubmitPreferenceResponse(record=record)

    async def RevisePreference(self, request, context):
        """Commit a further version once."""
        versions = [row for row in self.records if row.answer_id == request.answer_id]
        if not versions:
            raise NotFoundError("there is no such answer")
        for row in versions:
            if row.version == request.version:
                return labeler_pb2.RevisePreferenceResponse(record=row)
        if request.version != versions[-1].version + 1:
            raise AlreadyExistsError("that is not the next version")
        record = self._commit(
            query_id=versions[0].query_id,
            answer_id=request.answer_id,
            version=request.version,
            preference=request.preference,
        )
        return labeler_pb2.RevisePreferenceResponse(record=record)

    def _commit(self, **fields) -> preference_pb2.PreferenceRecord:
        record = preference_pb2.PreferenceRecord(cursor=len(self.records) + 1, run_id="flip-1", **fields)
        self.records.append(record)
        return record

    async def GetClip(self, request, context):
        """Return one of the little videos."""
        self._role(context)
        if self.is_corrupt:
            raise CorruptDataError("the clip's bytes are not what they were")
        if not request.query_id.startswith("query-"):
            raise NotFoundError(f"there is no query {request.query_id!r}")
        number = int(request.query_id.removeprefix("query-"))
        clip = self.clips[(2 * number + request.side - 1) % len(self.clips)]
        return labeler_pb2.GetClipResponse(clip=clip, clip_sha256=hashlib.sha256(clip).hexdigest())

    async def ListOwnAnswers(self, request, context):
        """List the newest version of each answer, newest first."""
        self._role(context)
        newest = {row.answer_id: row for row in self.records}
        first = int(request.page_token or 0)
        end = first + (request.page_size or 12)
        rows = list(reversed(newest.values()))
        answers = [
            labeler_pb2.OwnAnswer(
                query=preference_pb2.Query(
                    query_id=row.query_id,
                    run_id="flip-1",
                    question=QUESTION,
                    **_sides(row.query_id),
                    state=preference_pb2.QUERY_STATE_ANSWERED,
                ),
                answer_id=row.answer_id,
                version=row.version,
                preference=row.preference,
                is_revisable=number < 10,
            )
            for number, row in enumerate(rows)
        ]
        token = str(end) if end < len(rows) else ""
        return labeler_pb2.ListOwnAnswersResponse(answers=answers[first:end], next_page_token=token)

    async def ListPolicyClips(self, request, context):
        """List the policy clips."""
        self._role(context)
        return labeler_pb2.ListPolicyClipsResponse(clips=self.policy_clips)

    async def GetPolicyClip(self, request, context):
        """Return one of the little videos."""
        self._role(context)
        if request.policy_version not in {clip.policy_version for clip in self.policy_clips}:
            raise NotFoundError("there is no clip of that policy")
        clip = self.policy_clip(request.policy_version)
        return labeler_pb2.GetPolicyClipResponse(clip=clip, clip_sha256=hashlib.sha256(clip).hexdigest())

    def policy_clip(self, policy_version: int) -> bytes:
        """Return the little video that stands for a policy."""
        return self.clips[policy_version % len(self.clips)]

    def add_policy_clip(self, policy_version: int, *, env_steps: int = 0, is_final: bool = False) -> None:
        """Add a clip of a policy."""
        sha256 = hashlib.sha256(self.policy_clip(policy_version)).hexdigest()
        self.policy_clips.append(
            labeler_pb2.PolicyClip(
                policy_version=policy_version,
                env_steps=env_steps,
                clip_url=f"{policy_clip_path('flip-1', policy_version)}?sha256={sha256}",
                clip_sha256=sha256,
                duration_s=0.6,
                is_final=is_final,
            )
        )

    async def GetPracticePairs(self, request, context):
        """Return the practice pairs."""
        self._role(context)
        return labeler_pb2.GetPracticePairsResponse(pairs=self.practice)

    async def GetGuidelines(self, request, context):
        """Return a version of the guidelines."""
        if not 1 <= request.version <= len(self.guidelines):
            raise NotFoundError("there is no such version")
        text = self.guidelines[request.version - 1]
        return labeler_pb2.GetGuidelinesResponse(text=text, version=request.version)

    async def CreateLabeler(self, request, context):
        """Return a new labeler's token."""
        return labeler_pb2.CreateLabelerResponse(labeler_id="labeler-2", token="fresh-token")

    async def ExportPreferences(self, request, context):
        """Stream a file, or break off where told to."""
        if self._role(context) != preference_pb2.ROLE_OWNER:
            raise PermissionDeniedError("only owners export")
        if request.run_id != "flip-1":
            raise NotFoundError("there is no such run")
        for part in self.parts:
            if part == BREAKS_OFF:
                raise CorruptDataError("the disk is gone")
            yield labeler_pb2.ExportPreferencesResponse(part=part)

    async def GetStats(self, request, context):
        """Counts."""
        self._role(context)
        self.num_asked += 1
        num_answered = sum(row.version == 1 for row in self.records)
        stats = labeler_pb2.GetStatsResponse(
            num_answered=num_answered,
            num_own=num_answered,
            question=QUESTION,
            guidelines_version=len(self.guidelines),
            is_paused=self.state == labeler_pb2.RUN_STATE_PAUSED,
            run_state=self.state,
            label_budget=self.label_budget,
            num_awaited=max(0, self.num_awaited - num_answered),
            result=self.result,
            task="hopper-backflip",
        )
        stats.MergeFrom(self.stats)
        return stats


@dataclass
class LabelerProcess:
    """Stands for the labeler's process: the double is its database and outlives it."""

    double: LabelerDouble
    port: int
    server: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Serve, always on the same port."""
        self.server = create_server()
        labeler_pb2_grpc.add_LabelerServiceServicer_to_server(self.double, self.server)
        bind(self.server, host="127.0.0.1", port=self.port)
        await self.server.start()

    async def kill(self) -> None:
        """Cut every connection at once."""
        await self.server.stop(0)
