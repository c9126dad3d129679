"""LabelerService: translates messages for the parts that do the work.

`owner_service` has the rpcs of owners, `clip_service` those of clips, `session_service` those of sessions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from services.labeler.api.authentication import admission, caller
from services.labeler.api.clip_service import ClipMethods
from services.labeler.api.convert import log_messages, query_messages, run_messages
from services.labeler.api.owner_service import OwnerMethods
from services.labeler.api.parts import LabelerParts
from services.labeler.api.reach import WithinReach
from services.labeler.api.session_service import SessionMethods
from services.labeler.api.shared_messages import SharedMessages
from services.labeler.model.run_state import RunState
from somersault.domain.feedback import Preference
from somersault.errors import InvalidInputError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc
from somersault.wire import preference_from_message
from somersault.wire.preference_log import record_to_message
from somersault.wire.times import timestamp_from_milliseconds

__all__ = ["LabelerServicer", "add_to_server"]

_Context = grpc.aio.ServicerContext[Any, Any]


class LabelerServicer(ClipMethods, SessionMethods, OwnerMethods):
    """Serves the public API. `authentication` has already admitted each caller."""

    def __init__(self, parts: LabelerParts) -> None:
        """Take the parts that do the work."""
        super().__init__(parts)
        self._messages = SharedMessages(
            lambda log_slice: pb.WatchPreferencesResponse(
                **log_messages.slice_to_messages(log_slice),
                cursor=log_slice.cursor,
                commit_id=log_slice.commit_id,
                run_state=run_messages.state_to_message(log_slice.run_state),
            )
        )

    async def CreateRun(self, request: pb.CreateRunRequest, context: _Context) -> pb.CreateRunResponse:
        """Create a run, or update what its services say of it."""
        await self._parts.runs.create(
            caller(),
            run_id=request.run_id,
            task=request.task,
            question=request.question,
            guidelines_text=request.guidelines,
            identity=request.identity,
        )
        return pb.CreateRunResponse()

    async def ProposeQueries(
        self, request: pb.ProposeQueriesRequest, context: _Context
    ) -> pb.ProposeQueriesResponse:
        """Propose queries."""
        run_id = request.run_id
        proposals = [query_messages.proposal_from_message(each, run_id=run_id) for each in request.proposals]
        query_ids = await self._parts.proposals.propose(caller(), run_id, proposals)
        return pb.ProposeQueriesResponse(query_ids=query_ids)

    async def WithdrawQueries(
        self, request: pb.WithdrawQueriesRequest, context: _Context
    ) -> pb.WithdrawQueriesResponse:
        """Withdraw queries."""
        withdrawn = await self._parts.proposals.withdraw(caller(), request.run_id, list(request.query_ids))
        return pb.WithdrawQueriesResponse(withdrawn_query_ids=withdrawn)

    async def LeaseQueries(
        self, request: pb.LeaseQueriesRequest, context: _Context
    ) -> pb.LeaseQueriesResponse:
        """Lease queries to the caller."""
        leases, state = await self._parts.leases.lease(
            admission(),
            run_id=request.run_id or None,
            count=request.count,
            wait_s=request.wait_s,
            lease_s=request.lease_s,
        )
        viewer = caller().role
        return pb.LeaseQueriesResponse(
            leases=[query_messages.lease_to_message(lease, viewer=viewer) for lease in leases],
            is_paused=not leases and state is RunState.PAUSED,
            run_state=run_messages.state_to_message(state),
        )

    async def RenewLease(self, request: pb.RenewLeaseRequest, context: _Context) -> pb.RenewLeaseResponse:
        """Extend a lease."""
        renewal = await self._parts.leases.renew(caller(), token=request.lease_token, lease_s=request.lease_s)
        return pb.RenewLeaseResponse(
            expire_time=timestamp_from_milliseconds(renewal.expire_ms),
            remaining_s=renewal.remaining_s,
            last_expire_time=timestamp_from_milliseconds(renewal.last_ms),
        )

    async def ReleaseQuery(
        self, request: pb.ReleaseQueryRequest, context: _Context
    ) -> pb.ReleaseQueryResponse:
        """Release or return a leased query."""
        await self._parts.leases.release(caller(), token=request.lease_token, is_returned=request.is_returned)
        return pb.ReleaseQueryResponse()

    async def SubmitPreference(
        self, request: pb.SubmitPreferenceRequest, context: _Context
    ) -> pb.SubmitPreferenceResponse:
        """Answer a leased query."""
        record = await self._parts.answers.submit(
            caller(),
            lease_token=request.lease_token,
            answer_id=request.answer_id,
            preference=preference_from_message(request.preference),
            response_ms=request.response_ms,
        )
        return pb.SubmitPreferenceResponse(record=record_to_message(record.seen_by(caller().role)))

    async def RevisePreference(
        self, request: pb.RevisePreferenceRequest, context: _Context
    ) -> pb.RevisePreferenceResponse:
        """Revise an answer."""
        record = await self._parts.answers.revise(
            caller(),
            answer_id=request.answer_id,
            version=request.version,
            preference=preference_from_message(request.preference),
        )
        return pb.RevisePreferenceResponse(record=record_to_message(record.seen_by(caller().role)))

    async def GetClip(self, request: pb.GetClipRequest, context: _Context) -> pb.GetClipResponse:
        """Send a query's clip."""
        side = preference_from_message(request.side)
        if side not in (Preference.LEFT, Preference.RIGHT):
            raise InvalidInputError("side", side.value, "left or right")
        clip, sha256 = await self._parts.query_clips.read(
            caller(), query_id=request.query_id, is_left=side is Preference.LEFT
        )
        return pb.GetClipResponse(clip=clip, clip_sha256=sha256)

    async def WatchPreferences(
        self, request: pb.WatchPreferencesRequest, context: _Context
    ) -> AsyncIterator[pb.WatchPreferencesResponse]:
        """Send the log from a cursor on."""
        log = self._parts.preference_log.watch(
            admission(),
            request.run_id,
            cursor=request.cursor,
            commit_id=request.commit_id,
            is_complete=request.is_complete,
        )
        async for log_slice in log:
            yield self._messages.of(log_slice)

    async def ListQueries(self, request: pb.ListQueriesRequest, context: _Context) -> pb.ListQueriesResponse:
        """List queries."""
        page = await self._parts.proposals.list_newest(
            request.run_id,
            state=query_messages.state_from_message(request.state),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        viewer = caller().role
        return pb.ListQueriesResponse(
            queries=[query_messages.query_to_message(query, viewer=viewer) for query in page.queries],
            next_page_token="" if page.next_number is None else str(page.next_number),
        )

    async def GetStats(self, request: pb.GetStatsRequest, context: _Context) -> pb.GetStatsResponse:
        """Return a run's counts."""
        stats = await self._parts.runs.stats(request.run_id, labeler_id=caller().labeler_id)
        return run_messages.stats_to_message(stats.seen_by(caller().role))

    async def GetGuidelines(
        self, request: pb.GetGuidelinesRequest, context: _Context
    ) -> pb.GetGuidelinesResponse:
        """Return a version of a run's guidelines."""
        found = await self._parts.runs.read_guidelines(request.run_id, request.version)
        return pb.GetGuidelinesResponse(
            text=found.text, version=found.version, create_time=timestamp_from_milliseconds(found.created_ms)
        )


def add_to_server(server: grpc.aio.Server, parts: LabelerParts) -> list[str]:
    """Add the servicer to a server and return its full name."""
    service = pb.DESCRIPTOR.services_by_name["LabelerService"]
    within_reach: Any = WithinReach(LabelerServicer(parts), service)
    labeler_pb2_grpc.add_LabelerServiceServicer_to_server(within_reach, server)
    return [service.full_name]
