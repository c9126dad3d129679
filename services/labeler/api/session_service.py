"""The rpcs of who calls: the caller's name, and the sessions of browsers."""

from __future__ import annotations

from typing import Any

import grpc.aio

from services.labeler.api.authentication import admission, caller
from services.labeler.api.parts import LabelerParts
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc
from somersault.wire import role_to_message
from somersault.wire.times import timestamp_from_milliseconds

__all__ = ["SessionMethods"]

_Context = grpc.aio.ServicerContext[Any, Any]


class SessionMethods(labeler_pb2_grpc.LabelerServiceServicer):
    """Serves the part of the public API for callers' names and sessions."""

    _parts: LabelerParts

    async def WhoAmI(self, request: pb.WhoAmIRequest, context: _Context) -> pb.WhoAmIResponse:
        """Return the caller's name and role."""
        labeler = caller()
        return pb.WhoAmIResponse(
            labeler_id=labeler.labeler_id, name=labeler.name, role=role_to_message(labeler.role)
        )

    async def CreateSession(
        self, request: pb.CreateSessionRequest, context: _Context
    ) -> pb.CreateSessionResponse:
        """Begin a session."""
        secret, expire_ms = await self._parts.sessions.begin(admission(), run_id=request.run_id)
        return pb.CreateSessionResponse(secret=secret, expire_time=timestamp_from_milliseconds(expire_ms))

    async def EndSession(self, request: pb.EndSessionRequest, context: _Context) -> pb.EndSessionResponse:
        """End the caller's session."""
        await self._parts.sessions.end(admission())
        return pb.EndSessionResponse()

    async def EndSessions(self, request: pb.EndSessionsRequest, context: _Context) -> pb.EndSessionsResponse:
        """End a labeler's sessions."""
        await self._parts.sessions.end_all(caller(), request.labeler_id)
        return pb.EndSessionsResponse()
