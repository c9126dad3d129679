"""LabelerService: translates messages; `proposals`, `leasing`, `answering`, `clips` and `labelers` do the work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc.aio

from services.labeler import clips, convert
from services.labeler.answering import Answering
from services.labeler.authentication import caller
from services.labeler.labelers import Labelers
from services.labeler.leasing import Leasing
from services.labeler.proposals import Proposals
from services.labeler.records import PreferenceRecord
from services.labeler.store import Database
from somersault.convert import preference_from_message, role_from_message, role_to_message
from somersault.errors import InvalidInputError
from somersault.storage import ObjectStore
from somersault.types import Preference
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc, preference_pb2

__all__ = ["LabelerServicer", "Labeling", "add_to_server"]

_Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeling:
    """Bundles what the service is made of."""

    database: Database
    store: ObjectStore
    proposals: Proposals
    leasing: Leasing
    answering: Answering
    labelers: Labelers


class LabelerServicer(labeler_pb2_grpc.LabelerServiceServicer):
    """Serves the public API. `authentication` has admitted each caller already."""

    def __init__(self, labeling: Labeling) -> None:
        """Takes what does the work."""
        self._labeling = labeling

    async def CreateRun(self, request: pb.CreateRunRequest, context: _Context) -> pb.CreateRunResponse:
        """Makes a run known."""
        await self._labeling.proposals.create_run(
            run_id=request.run_id, task=request.task, question=request.question
        )
        return pb.CreateRunResponse()

    async def ProposeQueries(
        self, request: pb.ProposeQueriesRequest, context: _Context
    ) -> pb.ProposeQueriesResponse:
        """Puts queries before labelers."""
        proposals = [convert.proposal_from_message(message) for message in request.proposals]
        query_ids = await self._labeling.proposals.propose(request.run_id, proposals)
        return pb.ProposeQueriesResponse(query_ids=query_ids)

    async def WithdrawQueries(
        self, request: pb.WithdrawQueriesRequest, context: _Context
    ) -> pb.WithdrawQueriesResponse:
        """Takes queries back."""
        withdrawn = await self._labeling.proposals.withdraw(request.run_id, list(request.query_ids))
        return pb.WithdrawQueriesResponse(withdrawn_query_ids=withdrawn)

    async def LeaseQueries(
        self, request: pb.LeaseQueriesRequest, context: _Context
    ) -> pb.LeaseQueriesResponse:
        """Leases queries to the caller."""
        leases = await self._labeling.leasing.lease(
            caller(),
            run_id=request.run_id or None,
            count=request.count,
            wait_s=request.wait_s,
            lease_s=request.lease_s,
        )
        viewer = caller().role
        return pb.LeaseQueriesResponse(
            leases=[convert.lease_to_message(lease, viewer=viewer) for lease in leases]
        )

    async def RenewLease(self, request: pb.RenewLeaseRequest, context: _Context) -> pb.RenewLeaseResponse:
        """Prolongs a lease."""
        expire_ms, remaining_s = await self._labeling.leasing.renew(
            caller(), token=request.lease_token, lease_s=request.lease_s
        )
        return pb.RenewLeaseResponse(expire_time=convert.timestamp(expire_ms), remaining_s=remaining_s)

    async def ReleaseQuery(
        self, request: pb.ReleaseQueryRequest, context: _Context
    ) -> pb.ReleaseQueryResponse:
        """Gives a query to somebody else."""
        await self._labeling.leasing.release(caller(), token=request.lease_token)
        return pb.ReleaseQueryResponse()

    async def SubmitPreference(
        self, request: pb.SubmitPreferenceRequest, context: _Context
    ) -> pb.SubmitPreferenceResponse:
        """Answers a leased query."""
        record = await self._labeling.answering.submit(
            caller(),
            lease_token=request.lease_token,
            answer_id=request.answer_id,
            preference=preference_from_message(request.preference),
            response_ms=request.response_ms,
        )
        return pb.SubmitPreferenceResponse(record=convert.record_to_message(record))

    async def RevisePreference(
        self, request: pb.RevisePreferenceRequest, context: _Context
    ) -> pb.RevisePreferenceResponse:
        """Changes an answer."""
        record = await self._labeling.answering.revise(
            caller(),
            answer_id=request.answer_id,
            version=request.version,
            preference=preference_from_message(request.preference),
        )
        return pb.RevisePreferenceResponse(record=convert.record_to_message(record))

    async def GetClip(self, request: pb.GetClipRequest, context: _Context) -> pb.GetClipResponse:
        """Gives a clip."""
        side = preference_from_message(request.side)
        if side not in (Preference.LEFT, Preference.RIGHT):
            raise InvalidInputError("side", side.value, "left or right")
        clip, sha256 = await clips.read_clip(
            self._labeling.database,
            self._labeling.store,
            caller(),
            query_id=request.query_id,
            is_left=side is Preference.LEFT,
        )
        return pb.GetClipResponse(clip=clip, clip_sha256=sha256)

    async def WatchPreferences(
        self, request: pb.WatchPreferencesRequest, context: _Context
    ) -> AsyncIterator[pb.WatchPreferencesResponse]:
        """Sends the log from a cursor on."""
        log = self._labeling.answering.watch(request.run_id, cursor=request.cursor)
        async for records in log:
            yield pb.WatchPreferencesResponse(records=_messages(records))

    async def ListQueries(self, request: pb.ListQueriesRequest, context: _Context) -> pb.ListQueriesResponse:
        """Lists queries."""
        page = await self._labeling.proposals.list_newest(
            request.run_id,
            state=convert.state_from_message(request.state),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        viewer = caller().role
        return pb.ListQueriesResponse(
            queries=[convert.query_to_message(query, viewer=viewer) for query in page.queries],
            next_page_token="" if page.next_number is None else str(page.next_number),
        )

    async def ExportPreferences(
        self, request: pb.ExportPreferencesRequest, context: _Context
    ) -> AsyncIterator[pb.ExportPreferencesResponse]:
        """Sends the whole log."""
        async for records in self._labeling.answering.export(request.run_id):
            yield pb.ExportPreferencesResponse(records=_messages(records))

    async def GetStats(self, request: pb.GetStatsRequest, context: _Context) -> pb.GetStatsResponse:
        """Gives a run's counts."""
        stats = await self._labeling.proposals.stats(request.run_id, labeler_id=caller().labeler_id)
        return convert.stats_to_message(stats)

    async def CreateLabeler(
        self, request: pb.CreateLabelerRequest, context: _Context
    ) -> pb.CreateLabelerResponse:
        """Invites a labeler."""
        labeler, token = await self._labeling.labelers.create(
            name=request.name, role=role_from_message(request.role)
        )
        return pb.CreateLabelerResponse(labeler_id=labeler.labeler_id, token=token)

    async def WhoAmI(self, request: pb.WhoAmIRequest, context: _Context) -> pb.WhoAmIResponse:
        """Says who the caller is."""
        labeler = caller()
        return pb.WhoAmIResponse(
            labeler_id=labeler.labeler_id, name=labeler.name, role=role_to_message(labeler.role)
        )


def add_to_server(server: grpc.aio.Server, labeling: Labeling) -> list[str]:
    """Adds the servicer to a server and gives its full name."""
    labeler_pb2_grpc.add_LabelerServiceServicer_to_server(LabelerServicer(labeling), server)
    return [pb.DESCRIPTOR.services_by_name["LabelerService"].full_name]


def _messages(records: list[PreferenceRecord]) -> list[preference_pb2.PreferenceRecord]:
    return [convert.record_to_message(record) for record in records]
