"""A read-only labeler: a folder's runs, their curves and their policy clips.

Every other rpc is UNIMPLEMENTED, which tells the pages that they are read-only.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from somersault.cli.runs_page.convert import clip_to_message, points_to_messages, run_to_message
from somersault.domain.roles import Role
from somersault.errors import CorruptDataError, InvalidInputError, NotFoundError, UnauthenticatedError
from somersault.runs import Run, distinct_names, find_runs
from somersault.runs.policy_clips import list_policy_clips, read_policy_clip
from somersault.v1 import labeler_pb2, labeler_pb2_grpc
from somersault.wire.preference import role_to_message

__all__ = ["ListingServicer"]

_DEFAULT_PAGE, _MAX_PAGE = 100, 1_000  # as ListRunsRequest says
_MAX_SESSIONS = 100
_LOOK_EVERY_S = 5.0  # a page asks every ten, and folders may be large

Context = grpc.aio.ServicerContext[Any, Any]


class ListingServicer(labeler_pb2_grpc.LabelerServiceServicer):
    """Serves what an owner may see of a folder's runs to callers with one token, and to sessions that were begun with it."""

    def __init__(self, folder: Path, *, token: str) -> None:
        """Take the folder and the token that callers must present."""
        self._folder = folder
        self._token = f"Bearer {token}"
        self._sessions: list[str] = []
        self._looked_s = -_LOOK_EVERY_S
        self._runs: dict[str, Run] = {}
        self._looking = asyncio.Lock()

    async def WhoAmI(
        self, request: labeler_pb2.WhoAmIRequest, context: Context
    ) -> labeler_pb2.WhoAmIResponse:
        """Return the only labeler there is."""
        self._check(context)
        return labeler_pb2.WhoAmIResponse(labeler_id="owner", name="owner", role=role_to_message(Role.OWNER))

    async def CreateSession(
        self, request: labeler_pb2.CreateSessionRequest, context: Context
    ) -> labeler_pb2.CreateSessionResponse:
        """Begin a session, which holds as long as this program serves; the newest hundred do."""
        self._check(context)
        secret = secrets.token_hex(32)
        self._sessions = [*self._sessions[-_MAX_SESSIONS + 1 :], f"Session {request.run_id}/{secret}"]
        return labeler_pb2.CreateSessionResponse(secret=secret)

    async def EndSession(
        self, request: labeler_pb2.EndSessionRequest, context: Context
    ) -> labeler_pb2.EndSessionResponse:
        """End the caller's session."""
        given = self._check(context)
        self._sessions = [known for known in self._sessions if known != given]
        return labeler_pb2.EndSessionResponse()

    async def ListRuns(
        self, request: labeler_pb2.ListRunsRequest, context: Context
    ) -> labeler_pb2.ListRunsResponse:
        """List the folder's runs, newest first."""
        self._check(context)
        if not 0 <= request.page_size <= _MAX_PAGE:
            raise InvalidInputError("page_size", request.page_size, f"0 to {_MAX_PAGE}")
        begin = _begin_of_page(request.page_token)
        end = begin + (request.page_size or _DEFAULT_PAGE)
        runs = list((await self._look()).items())
        messages = await asyncio.gather(
            *(asyncio.to_thread(_describe, run_id, run) for run_id, run in runs[begin:end])
        )
        return labeler_pb2.ListRunsResponse(
            runs=filter(None, messages), next_page_token=str(end) if end < len(runs) else ""
        )

    async def GetRunProgress(
        self, request: labeler_pb2.GetRunProgressRequest, context: Context
    ) -> labeler_pb2.GetRunProgressResponse:
        """Return a run's curves from ``progress.jsonl``."""
        self._check(context)
        if request.cursor < 0:
            raise InvalidInputError("cursor", request.cursor, "at least 0")
        run = await self._find(request.run_id)
        points = await asyncio.to_thread(points_to_messages, run, cursor=request.cursor)
        now = Timestamp()
        now.FromMilliseconds(round(time.time() * 1000))
        return labeler_pb2.GetRunProgressResponse(
            points=points, cursor=points[-1].number if points else request.cursor, read_time=now
        )

    async def ListPolicyClips(
        self, request: labeler_pb2.ListPolicyClipsRequest, context: Context
    ) -> labeler_pb2.ListPolicyClipsResponse:
        """List a run's policy clips."""
        self._check(context)
        clips = await asyncio.to_thread(list_policy_clips, await self._find(request.run_id))
        return labeler_pb2.ListPolicyClipsResponse(
            clips=[clip_to_message(request.run_id, clip) for clip in clips]
        )

    async def GetPolicyClip(
        self, request: labeler_pb2.GetPolicyClipRequest, context: Context
    ) -> labeler_pb2.GetPolicyClipResponse:
        """Return one policy clip's video."""
        self._check(context)
        run = await self._find(request.run_id)
        data, sha256 = await asyncio.to_thread(read_policy_clip, run, request.policy_version)
        return labeler_pb2.GetPolicyClipResponse(clip=data, clip_sha256=sha256)

    async def _find(self, run_id: str) -> Run:
        runs = await self._look()
        if run_id not in runs:
            raise NotFoundError(f"no run {run_id!r} in {self._folder}")
        return runs[run_id]

    async def _look(self) -> dict[str, Run]:
        """Return the runs by name; the folder is read again every few seconds."""
        async with self._looking:
            if time.monotonic() - self._looked_s >= _LOOK_EVERY_S:
                found, _ = await asyncio.to_thread(find_runs, self._folder)
                self._runs = _named(found)
                self._looked_s = time.monotonic()
            return self._runs

    def _check(self, context: Context) -> str:
        """Refuse a caller without the token or a session; return what the caller presents.

        Raises:
            UnauthenticatedError: it is missing or wrong.
        """
        metadata = dict(context.invocation_metadata() or ())
        given = str(metadata.get("authorization", ""))
        known = [
            secrets.compare_digest(given.encode(), one.encode()) for one in (self._token, *self._sessions)
        ]
        if not any(known):
            raise UnauthenticatedError("the token is missing or wrong: open the address that was printed")
        return given


def _describe(run_id: str, run: Run) -> labeler_pb2.Run | None:
    """Return a run's message; None for a damaged run, which must not hide the others."""
    try:
        return run_to_message(run_id, run, clips=list_policy_clips(run))
    except CorruptDataError:
        return None


def _named(runs: list[Run]) -> dict[str, Run]:
    """Return runs by folder name, with parent folders added where two share a name."""
    named: dict[str, Run] = {}
    for run, name in zip(runs, distinct_names(runs, between="."), strict=True):
        while name in named:  # x.y, and y in x
            name += "."  # noqa: PLW2901
        named[name] = run
    return named


def _begin_of_page(token: str) -> int:
    if not token:
        return 0
    if not token.isascii() or not token.isdigit():
        raise InvalidInputError("page_token", token, "one that ListRuns gave")
    return int(token)
