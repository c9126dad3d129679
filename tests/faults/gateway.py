"""Calls the labeler through the web gateway, as a front end in a browser does: one HTTP request for each."""

from __future__ import annotations

import asyncio
import http.client
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from somersault.v1 import labeler_pb2 as pb

__all__ = ["GatewayStub"]

_AWAY = {502, 503, 504}


class GatewayStub:
    """Has the methods that `answer_until` calls, and raises the errors that gRPC would."""

    def __init__(self, address: str, token: str) -> None:
        """Take the gateway's ``host:port`` and whose calls these are."""
        self._address = address
        self._token = token

    async def LeaseQueries(self, request: Any, *, timeout: float) -> Any:
        """Lease."""
        return await self._call("LeaseQueries", request, pb.LeaseQueriesResponse(), timeout)

    async def SubmitPreference(self, request: Any, *, timeout: float) -> Any:
        """Answer."""
        return await self._call("SubmitPreference", request, pb.SubmitPreferenceResponse(), timeout)

    async def _call(self, name: str, request: Message, response: Message, timeout_s: float) -> Message:
        try:
            status, body = await asyncio.to_thread(self._post, name, request.SerializeToString(), timeout_s)
        except (OSError, http.client.HTTPException) as error:
            raise _error(grpc.StatusCode.UNAVAILABLE, str(error)) from error
        if status == http.client.OK:
            response.ParseFromString(body)
            return response
        raise _error(_code_of(status, body), body.decode(errors="replace")[:300])

    def _post(self, name: str, body: bytes, timeout_s: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._address, timeout=timeout_s)
        headers = {
            "Content-Type": "application/proto",
            "Connect-Protocol-Version": "1",
            "Authorization": f"Bearer {self._token}",
        }
        try:
            connection.request("POST", f"/somersault.v1.LabelerService/{name}", body, headers)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()


def _code_of(status: int, body: bytes) -> grpc.StatusCode:
    """Return the code that the body names; a gateway that is in trouble itself is away."""
    for code in grpc.StatusCode:
        if f'"{code.name.lower()}"'.encode() in body:
            return code
    return grpc.StatusCode.UNAVAILABLE if status in _AWAY else grpc.StatusCode.UNKNOWN


def _error(code: grpc.StatusCode, details: str) -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(code, nothing, nothing, details)
