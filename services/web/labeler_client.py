"""Calls to the labeler: which methods the gateway passes on, and how errors come back."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.web.middleware.peer import peer_address
from somersault import wire
from somersault.domain.feedback import Preference
from somersault.domain.keys import CLIP_MEDIA_TYPE, clip_suffix
from somersault.domain.roles import Role
from somersault.errors import NotFoundError, SomersaultError, UnauthenticatedError, error_from_status
from somersault.rpc.channel import said_retry
from somersault.rpc.peers import PEER_KEY
from somersault.v1 import labeler_pb2, preference_pb2
from somersault.wire.access import GATEWAY_METHODS

__all__ = [
    "EXPORT_TYPES",
    "METHODS",
    "SERVICE_NAME",
    "Caller",
    "Clip",
    "LabelerClient",
    "RefusedCallError",
]

_SERVICE = labeler_pb2.DESCRIPTOR.services_by_name["LabelerService"]

SERVICE_NAME = _SERVICE.full_name

EXPORT_TYPES = {"jsonl": "application/jsonl", "parquet": "application/vnd.apache.parquet"}
"""The formats of an export and their media types."""

# The characters that RFC 6750 allows in a bearer token; anything else would break the call's metadata.
_AUTHORIZATION = re.compile(r"(Bearer|Session) [A-Za-z0-9._~+/=-]{1,512}")

_CLIP_TIMEOUT_S = 20.0
_EXPORT_TIMEOUT_S = 3600.0  # a million rows take minutes; a caller that goes away ends it at once
_WHO_AM_I_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Method:
    """One unary method, from its descriptor."""

    name: str
    path: str
    descriptor: MethodDescriptor
    request_type: type[Message]
    response_type: type[Message]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who holds a token."""

    labeler_id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip's bytes, their digest and what they are."""

    data: bytes
    sha256: str
    media_type: str = CLIP_MEDIA_TYPE


class RefusedCallError(SomersaultError):
    """A call that ended with a status other than OK."""

    def __init__(self, status: grpc.StatusCode, detail: str, *, retry: str | bytes | None = None) -> None:
        """Keep the status, its message, and whether trying again may help."""
        super().__init__(detail)
        self.status = status
        self.retry = error_from_status(status, detail, retry=retry).retry


def _method(descriptor: MethodDescriptor) -> Method:
    return Method(
        name=descriptor.name,
        path=f"/{SERVICE_NAME}/{descriptor.name}",
        descriptor=descriptor,
        request_type=GetMessageClass(descriptor.input_type),
        response_type=GetMessageClass(descriptor.output_type),
    )


METHODS: Mapping[str, Method] = {name: _method(_SERVICE.methods_by_name[name]) for name in GATEWAY_METHODS}
"""The methods that may be called through the gateway, by name; who may call them the labeler checks."""


_OWN_METHODS = tuple(_method(_SERVICE.methods_by_name[name]) for name in ("CreateSession", "EndSession"))
"""What the gateway calls itself, at a log-in and a log-out."""


class LabelerClient:
    """Calls the labeler with its callers' tokens. Used from one event loop."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Use a channel that carries no token of its own."""
        self._calls = {
            method.name: channel.unary_unary(
                method.path,
                request_serializer=method.request_type.SerializeToString,
                response_deserializer=method.response_type.FromString,
            )
            for method in (*METHODS.values(), *_OWN_METHODS)
        }
        self._export = channel.unary_stream(
            f"/{SERVICE_NAME}/ExportPreferences",
            request_serializer=labeler_pb2.ExportPreferencesRequest.SerializeToString,
            response_deserializer=labeler_pb2.ExportPreferencesResponse.FromString,
        )

    async def call(self, name: str, request: Message, *, authorization: str, timeout_s: float) -> Any:
        """Call an allowed method and return its response; ``authorization`` is ``Bearer TOKEN`` or ``Session RUN/SECRET``.

        Raises:
            UnauthenticatedError: The token is malformed.
            RefusedCallError: The labeler refused the call or could not be reached.
        """
        metadata = _metadata(authorization)
        try:
            return await self._calls[name](request, timeout=timeout_s, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise _refused(error) from error

    async def who_am_i(self, authorization: str) -> Caller:
        """Return who calls."""
        request = labeler_pb2.WhoAmIRequest()
        reply = await self.call("WhoAmI", request, authorization=authorization, timeout_s=_WHO_AM_I_TIMEOUT_S)
        return Caller(reply.labeler_id, reply.name, wire.role_from_message(reply.role))

    async def create_session(self, authorization: str, *, run_id: str) -> str:
        """Begin a session of the holder of a token at the pages of a run; return its secret."""
        request = labeler_pb2.CreateSessionRequest(run_id=run_id)
        reply = await self.call(
            "CreateSession", request, authorization=authorization, timeout_s=_WHO_AM_I_TIMEOUT_S
        )
        return str(reply.secret)

    async def end_session(self, authorization: str) -> None:
        """End a session."""
        request = labeler_pb2.EndSessionRequest()
        await self.call("EndSession", request, authorization=authorization, timeout_s=_WHO_AM_I_TIMEOUT_S)

    async def get_clip(self, query_id: str, side: str, *, authorization: str) -> Clip:
        """Return the clip on one side (``left`` or ``right``) of a query that the token's holder may see."""
        if side not in (Preference.LEFT, Preference.RIGHT):
            raise NotFoundError(
                f"there is no side {side[:40]!r}; a clip is left{clip_suffix()} or right{clip_suffix()}"
            )
        number = preference_pb2.Preference.Value(f"PREFERENCE_{side.upper()}")
        request = labeler_pb2.GetClipRequest(query_id=query_id, side=number)
        reply = await self.call("GetClip", request, authorization=authorization, timeout_s=_CLIP_TIMEOUT_S)
        return Clip(reply.clip, reply.clip_sha256)

    async def get_policy_clip(self, run_id: str, policy_version: int, *, authorization: str) -> Clip:
        """Return the clip of a run's policy."""
        request = labeler_pb2.GetPolicyClipRequest(run_id=run_id, policy_version=policy_version)
        reply = await self.call(
            "GetPolicyClip", request, authorization=authorization, timeout_s=_CLIP_TIMEOUT_S
        )
        return Clip(reply.clip, reply.clip_sha256)

    async def export(self, run_id: str, file_format: str, *, authorization: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a run's export as they come; ``file_format`` is ``jsonl`` or ``parquet``.

        Raises:
            NotFoundError: There is no such format.
            UnauthenticatedError: The token is malformed.
            RefusedCallError: The labeler refused the call or could not be reached.
        """
        if file_format not in EXPORT_TYPES:
            formats = ", ".join(EXPORT_TYPES)
            raise NotFoundError(f"there is no export format {file_format[:40]!r}, only {formats}")
        number = labeler_pb2.ExportFormat.Value(f"EXPORT_FORMAT_{file_format.upper()}")
        request = labeler_pb2.ExportPreferencesRequest(run_id=run_id, format=number)
        try:
            async for response in self._export(
                request, timeout=_EXPORT_TIMEOUT_S, metadata=_metadata(authorization)
            ):
                yield response.part
        except grpc.aio.AioRpcError as error:
            raise _refused(error) from error


def _metadata(authorization: str) -> tuple[tuple[str, str], ...]:
    if not _AUTHORIZATION.fullmatch(authorization):
        raise UnauthenticatedError("the token is malformed")
    address = peer_address()
    return (("authorization", authorization), *(((PEER_KEY, address),) if address else ()))


def _refused(error: grpc.aio.AioRpcError) -> RefusedCallError:
    """Return the error without what a browser must not learn: the addresses in gRPC's own messages."""
    status = error.code()
    if status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        sentence = "the labeler can't be reached right now; try again"
        return RefusedCallError(grpc.StatusCode.UNAVAILABLE, sentence)
    if status is grpc.StatusCode.DEADLINE_EXCEEDED:
        return RefusedCallError(status, "the labeler did not respond in time")
    return RefusedCallError(status, error.details() or status.name, retry=said_retry(error))
