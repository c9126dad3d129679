"""The rpcs by which owners and services manage runs, labelers and the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio

from services.labeler.api.authentication import caller
from services.labeler.api.convert import (
    clip_messages,
    log_messages,
    owner_messages,
    progress_messages,
    run_messages,
)
from services.labeler.api.parts import LabelerParts
from services.labeler.feedback import export_files
from somersault.errors import InvalidInputError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc
from somersault.wire import role_from_message
from somersault.wire.preference_log import weight_change_to_message
from somersault.wire.times import timestamp_from_milliseconds

__all__ = ["OwnerMethods"]

_Context = grpc.aio.ServicerContext[Any, Any]
_FILES = {pb.EXPORT_FORMAT_JSONL: export_files.jsonl, pb.EXPORT_FORMAT_PARQUET: export_files.parquet}


class OwnerMethods(labeler_pb2_grpc.LabelerServiceServicer):
    """Serves the part of the public API that labelers don't use."""

    def __init__(self, parts: LabelerParts) -> None:
        """Take the parts that do the work."""
        self._parts = parts

    async def CreateLabeler(
        self, request: pb.CreateLabelerRequest, context: _Context
    ) -> pb.CreateLabelerResponse:
        """Invite a labeler."""
        labeler, token = await self._parts.labelers.create(
            caller(), name=request.name, role=role_from_message(request.role), run_ids=request.run_ids
        )
        return pb.CreateLabelerResponse(labeler_id=labeler.labeler_id, token=token)

    async def ListLabelers(
        self, request: pb.ListLabelersRequest, context: _Context
    ) -> pb.ListLabelersResponse:
        """List labelers."""
        known, token = await self._parts.labelers.list_known(
            caller(), run_id=request.run_id, page_size=request.page_size, page_token=request.page_token
        )
        labelers = [owner_messages.labeler_to_message(each) for each in known]
        return pb.ListLabelersResponse(labelers=labelers, next_page_token=token)

    async def InviteLabeler(
        self, request: pb.InviteLabelerRequest, context: _Context
    ) -> pb.InviteLabelerResponse:
        """Make a labeler a member of one more run."""
        await self._parts.labelers.invite(caller(), request.labeler_id, request.run_id)
        return pb.InviteLabelerResponse()

    async def RemoveLabeler(
        self, request: pb.RemoveLabelerRequest, context: _Context
    ) -> pb.RemoveLabelerResponse:
        """End a labeler's membership of a run."""
        await self._parts.labelers.remove(caller(), request.labeler_id, request.run_id)
        return pb.RemoveLabelerResponse()

    async def RotateToken(self, request: pb.RotateTokenRequest, context: _Context) -> pb.RotateTokenResponse:
        """Replace a labeler's token."""
        token = await self._parts.labelers.rotate(caller(), request.labeler_id)
        return pb.RotateTokenResponse(token=token)

    async def RevokeToken(self, request: pb.RevokeTokenRequest, context: _Context) -> pb.RevokeTokenResponse:
        """Revoke a labeler's token."""
        await self._parts.labelers.revoke(caller(), request.labeler_id)
        return pb.RevokeTokenResponse()

    async def UpdateRun(self, request: pb.UpdateRunRequest, context: _Context) -> pb.UpdateRunResponse:
        """Change a run."""
        change = run_messages.change_from_message(request)
        view = await self._parts.runs.update(caller(), request.run_id, change)
        return pb.UpdateRunResponse(run=run_messages.run_to_message(view.seen_by(caller().role)))

    async def ListRuns(self, request: pb.ListRunsRequest, context: _Context) -> pb.ListRunsResponse:
        """List runs."""
        views, token = await self._parts.runs.list_newest(
            caller(), page_size=request.page_size, page_token=request.page_token
        )
        role = caller().role
        messages = [run_messages.run_to_message(view.seen_by(role)) for view in views]
        return pb.ListRunsResponse(runs=messages, next_page_token=token)

    async def GetAgreement(
        self, request: pb.GetAgreementRequest, context: _Context
    ) -> pb.GetAgreementResponse:
        """Return how well labelers agree."""
        agreement = await self._parts.labeler_quality.agreement(request.run_id)
        return owner_messages.agreement_to_message(agreement)

    async def ReportProgress(
        self, request: pb.ReportProgressRequest, context: _Context
    ) -> pb.ReportProgressResponse:
        """Add a point to a run's learning curves, if there is one, and return what owners ask of the run."""
        has_point = request.HasField("point")
        report = progress_messages.report_from_message(request.point) if has_point else None
        run = await self._parts.run_progress.report(request.run_id, report)
        return run_messages.owner_requests_to_message(run)

    async def GetRunProgress(
        self, request: pb.GetRunProgressRequest, context: _Context
    ) -> pb.GetRunProgressResponse:
        """Return a run's learning curves."""
        points, now_ms = await self._parts.run_progress.curves(request.run_id, cursor=request.cursor)
        return pb.GetRunProgressResponse(
            points=map(progress_messages.point_to_message, points),
            cursor=points[-1].number if points else request.cursor,
            read_time=timestamp_from_milliseconds(now_ms),
        )

    async def ListClips(self, request: pb.ListClipsRequest, context: _Context) -> pb.ListClipsResponse:
        """List queries with clips."""
        choice = clip_messages.choice_from_message(request)
        clipped, token = await self._parts.query_clips.list_chosen(
            request.run_id, choice, page_size=request.page_size, page_token=request.page_token
        )
        messages = [clip_messages.clipped_to_message(each, viewer=caller().role) for each in clipped]
        return pb.ListClipsResponse(queries=messages, next_page_token=token)

    async def SetGuidelines(
        self, request: pb.SetGuidelinesRequest, context: _Context
    ) -> pb.SetGuidelinesResponse:
        """Add a version of a run's guidelines."""
        version = await self._parts.runs.set_guidelines(caller(), request.run_id, request.text)
        return pb.SetGuidelinesResponse(version=version)

    async def GetLabelerQuality(
        self, request: pb.GetLabelerQualityRequest, context: _Context
    ) -> pb.GetLabelerQualityResponse:
        """Return how well labelers answer."""
        found = await self._parts.labeler_quality.measure(
            request.run_id, labeler_id=request.labeler_id or None
        )
        return pb.GetLabelerQualityResponse(
            labelers=[owner_messages.quality_to_message(quality) for quality in found]
        )

    async def SetLabelerWeight(
        self, request: pb.SetLabelerWeightRequest, context: _Context
    ) -> pb.SetLabelerWeightResponse:
        """Set how much a labeler's answers count."""
        change = await self._parts.labeler_quality.set_weight(
            caller(),
            run_id=request.run_id,
            labeler_id=request.labeler_id,
            weight=request.weight,
            reason=request.reason,
        )
        message = None if change is None else weight_change_to_message(change)
        return pb.SetLabelerWeightResponse(change=message)

    async def ListAuditLog(
        self, request: pb.ListAuditLogRequest, context: _Context
    ) -> pb.ListAuditLogResponse:
        """List the audit log."""
        entries, token = await self._parts.audit_log.list_newest(
            caller(),
            run_id=request.run_id,
            is_without_services=request.is_without_services,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        messages = [owner_messages.entry_to_message(entry) for entry in entries]
        return pb.ListAuditLogResponse(entries=messages, next_page_token=token)

    async def ExportPreferences(
        self, request: pb.ExportPreferencesRequest, context: _Context
    ) -> AsyncIterator[pb.ExportPreferencesResponse]:
        """Send the whole log, as messages or as a file."""
        log = self._parts.preference_log
        if request.format == pb.EXPORT_FORMAT_UNSPECIFIED:
            await log.note_export(caller(), request.run_id, "messages")
            async for log_slice in log.export(request.run_id, is_complete=request.is_complete):
                yield pb.ExportPreferencesResponse(**log_messages.slice_to_messages(log_slice))
            return
        if request.format not in _FILES:
            raise InvalidInputError("format", request.format, "an export format (0 to 2)")
        await log.note_export(caller(), request.run_id, pb.ExportFormat.Name(request.format))
        async for part in _FILES[request.format](log.export(request.run_id, is_complete=True)):
            yield pb.ExportPreferencesResponse(part=part)

    async def ImportPreferences(
        self, request: pb.ImportPreferencesRequest, context: _Context
    ) -> pb.ImportPreferencesResponse:
        """Import rows of an export."""
        num_new, num_known = await self._parts.log_import.add(
            caller(), request.run_id, log_messages.imported_rows_from_message(request)
        )
        return pb.ImportPreferencesResponse(num_imported=num_new, num_known=num_known)

    async def CreateWebhook(
        self, request: pb.CreateWebhookRequest, context: _Context
    ) -> pb.CreateWebhookResponse:
        """Have a run's log sent to a URL."""
        webhook_id, secret = await self._parts.webhooks.create(
            caller(), run_id=request.run_id, url=request.url
        )
        return pb.CreateWebhookResponse(webhook_id=webhook_id, secret=secret)

    async def ListWebhooks(
        self, request: pb.ListWebhooksRequest, context: _Context
    ) -> pb.ListWebhooksResponse:
        """List a run's webhooks."""
        webhooks, newest_cursor = await self._parts.webhooks.list_of_run(request.run_id)
        messages = [owner_messages.webhook_to_message(webhook) for webhook in webhooks]
        return pb.ListWebhooksResponse(webhooks=messages, newest_log_cursor=newest_cursor)

    async def DeleteWebhook(
        self, request: pb.DeleteWebhookRequest, context: _Context
    ) -> pb.DeleteWebhookResponse:
        """Delete a webhook."""
        await self._parts.webhooks.delete(caller(), request.webhook_id)
        return pb.DeleteWebhookResponse()
