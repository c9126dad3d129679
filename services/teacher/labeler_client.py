"""The teacher's side of the labeler's public API."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from somersault import rpc
from somersault.domain.feedback import Preference
from somersault.domain.keys import sealed_key
from somersault.domain.roles import Identity
from somersault.v1 import labeler_pb2, labeler_pb2_grpc
from somersault.wire import preference_to_message

__all__ = ["IDLE_S", "LabelerClient", "LeasedQuery"]

_TIMEOUT_S = 10.0
_WAIT_S = 20.0
IDLE_S = 2.0  # a paused run may resume

_NOT_LEASING = (labeler_pb2.RUN_STATE_PAUSED, labeler_pb2.RUN_STATE_FINISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedQuery:
    """What a teacher needs of a lease."""

    lease_token: str
    query_id: str
    left_sealed_uri: str
    right_sealed_uri: str


class LabelerClient:
    """Calls the labeler as one teacher."""

    def __init__(self, address: str, *, token: str, run_id: str, certificates: Path | None = None) -> None:
        """Connect to ``host:port`` with a token of role teacher, for one run."""
        self._channel = rpc.open_channel(
            address, token=token, certificates=certificates, peer=Identity.LABELER
        )
        self._stub = labeler_pb2_grpc.LabelerServiceStub(self._channel)
        self._run_id = run_id

    async def who_am_i(self) -> str:
        """Return the teacher's labeler id, its name in the log."""
        response: labeler_pb2.WhoAmIResponse = await rpc.call(
            self._stub.WhoAmI, labeler_pb2.WhoAmIRequest(), timeout_s=_TIMEOUT_S
        )
        return response.labeler_id

    async def lease(self, *, count: int, lease_s: float) -> list[LeasedQuery]:
        """Return up to ``count`` queries; none after waiting in vain, or if the run is paused or finished."""
        request = labeler_pb2.LeaseQueriesRequest(
            run_id=self._run_id, count=count, wait_s=_WAIT_S, lease_s=lease_s
        )
        response: labeler_pb2.LeaseQueriesResponse = await rpc.call(
            self._stub.LeaseQueries, request, timeout_s=_WAIT_S + _TIMEOUT_S
        )
        if response.run_state in _NOT_LEASING:
            await asyncio.sleep(IDLE_S)  # the labeler replies at once
        return [
            LeasedQuery(
                lease_token=lease.lease_token,
                query_id=lease.query.query_id,
                left_sealed_uri=sealed_key(self._run_id, lease.query.left.segment_id),
                right_sealed_uri=sealed_key(self._run_id, lease.query.right.segment_id),
            )
            for lease in response.leases
        ]

    async def submit(
        self, query: LeasedQuery, *, answer_id: str, preference: Preference, response_ms: int
    ) -> None:
        """Answer a query; retry for a minute while the labeler is unavailable."""
        request = labeler_pb2.SubmitPreferenceRequest(
            lease_token=query.lease_token,
            answer_id=answer_id,
            preference=preference_to_message(preference),
            response_ms=response_ms,
        )
        await rpc.call(self._stub.SubmitPreference, request, timeout_s=_TIMEOUT_S, retry_for_s=60.0)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)
