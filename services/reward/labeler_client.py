"""The reward service as a client of the labeler: proposes queries, follows the preference log."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import structlog

from services.reward.feedback.preference_log import Answer, LogPosition, LogRow, WeightChange
from services.reward.monitoring.progress_report import ProgressReport, RunControls
from services.reward.queries.proposals import KnownQuery, Proposal
from somersault.domain.keys import sealed_key, segment_key
from somersault.domain.roles import Identity
from somersault.domain.trajectory import StoredSegment
from somersault.errors import FailedPreconditionError, LogWentBackError, SomersaultError, UnavailableError
from somersault.rpc import Backoff, call, open_channel, translated_errors
from somersault.v1 import labeler_pb2, labeler_pb2_grpc, preference_pb2, trajectory_pb2
from somersault.wire import preference_from_message, stored_segment_to_message

__all__ = ["LabelerClient"]

_log = structlog.get_logger()

_TIMEOUT_S = 10.0
_REPORT_TIMEOUT_S = 5.0
_RETRY_FOR_S = 3600.0
"""How long to wait at the start for a labeler that is away: every call is idempotent. In the middle of its loop the service tries
once, and again when it comes round."""


class LabelerClient:
    """One run's view of the labeler service."""

    def __init__(self, address: str, *, token: str, run_id: str, certificates: Path | None = None) -> None:
        """Open a channel to ``address`` with a token whose role is service."""
        self._channel = open_channel(address, token=token, certificates=certificates, peer=Identity.LABELER)
        self._stub = labeler_pb2_grpc.LabelerServiceStub(self._channel)
        self._run_id = run_id

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close(None)

    async def create_run(self, *, task: str, question: str, guidelines: str, identity: str = "") -> None:
        """Make the run known, waiting for a labeler that is away.

        Raises:
            FailedPreconditionError: the labeler knows another run of that name.
            SomersaultError: the labeler refused.
        """
        request = labeler_pb2.CreateRunRequest(
            run_id=self._run_id, task=task, question=question, guidelines=guidelines, identity=identity
        )
        await call(self._stub.CreateRun, request, timeout_s=_TIMEOUT_S, retry_for_s=_RETRY_FOR_S)

    async def propose(self, proposals: Sequence[Proposal]) -> list[str]:
        """Propose queries and return their ids, in order."""
        request = labeler_pb2.ProposeQueriesRequest(
            run_id=self._run_id,
            proposals=map(_proposal_to_message, proposals),
        )
        response = await call(self._stub.ProposeQueries, request, timeout_s=_TIMEOUT_S)
        return list(response.query_ids)

    async def withdraw(self, query_ids: Sequence[str]) -> list[str]:
        """Withdraw queries and return those that were; answered ones are not."""
        request = labeler_pb2.WithdrawQueriesRequest(run_id=self._run_id, query_ids=query_ids)
        response = await call(self._stub.WithdrawQueries, request, timeout_s=_TIMEOUT_S)
        return list(response.withdrawn_query_ids)

    async def list_queries(self) -> list[KnownQuery]:
        """Return every query of the run, oldest first, waiting for a labeler that is away."""
        return await self._list(preference_pb2.QUERY_STATE_UNSPECIFIED, retry_for_s=_RETRY_FOR_S)

    async def list_open(self) -> list[KnownQuery]:
        """Return the queries that wait for an answer or for their clips, oldest first."""
        # In this order, a query whose clips are stored between the two calls is in both lists instead of in neither.
        found = [query for state in _OPEN for query in await self._list(state)]
        return list({query.query_id: query for query in found}.values())

    async def list_gone(self) -> list[KnownQuery]:
        """Return the queries that were withdrawn or failed."""
        return [query for state in _GONE for query in await self._list(state)]

    async def _list(
        self, state: preference_pb2.QueryState.ValueType, *, retry_for_s: float = 0.0
    ) -> list[KnownQuery]:
        queries: list[KnownQuery] = []
        token = ""
        while True:
            request = labeler_pb2.ListQueriesRequest(
                run_id=self._run_id, state=state, page_size=1000, page_token=token
            )
            page = await call(self._stub.ListQueries, request, timeout_s=_TIMEOUT_S, retry_for_s=retry_for_s)
            queries += map(_known_from_message, page.queries)
            token = page.next_page_token
            if not token:
                return queries[::-1]

    async def report_progress(self, report: ProgressReport) -> RunControls:
        """Send a report, without retrying, and return what the run's owner wants.

        Raises:
            SomersaultError: the labeler is away, or refused.
        """
        figures = dataclasses.asdict(report)
        del figures["num_answered"]  # the labeler keeps its own count
        request = labeler_pb2.ReportProgressRequest(
            run_id=self._run_id, point=labeler_pb2.ProgressPoint(**figures)
        )
        return await self._report(request)

    async def get_controls(self) -> RunControls:
        """Return what the run's owner wants.

        Raises:
            SomersaultError: the labeler is away, or refused.
        """
        return await self._report(labeler_pb2.ReportProgressRequest(run_id=self._run_id))

    async def wait_for_controls(self) -> RunControls:
        """Return what the run's owner wants, waiting for a labeler that is away.

        Raises:
            SomersaultError: the labeler refused.
        """
        request = labeler_pb2.ReportProgressRequest(run_id=self._run_id)
        return await self._report(request, retry_for_s=_RETRY_FOR_S)

    async def _report(
        self, request: labeler_pb2.ReportProgressRequest, *, retry_for_s: float = 0.0
    ) -> RunControls:
        response = await call(
            self._stub.ReportProgress, request, timeout_s=_REPORT_TIMEOUT_S, retry_for_s=retry_for_s
        )
        return RunControls(
            is_paused=response.is_paused,
            label_budget=response.label_budget if response.HasField("label_budget") else None,
            is_finishing=response.is_finishing,
        )

    async def newest_cursor(self) -> int:
        """Return the number of the newest row of the preference log, gold and changes of weight included."""
        request = labeler_pb2.GetStatsRequest(run_id=self._run_id)
        stats = await call(self._stub.GetStats, request, timeout_s=_TIMEOUT_S, retry_for_s=_RETRY_FOR_S)
        return int(stats.newest_log_cursor)

    async def watch(self, after: LogPosition) -> AsyncGenerator[list[LogRow], None]:
        """Yield the rows of the preference log after a position, in order and without end, across lost connections.

        Raises:
            LogWentBackError: the log isn't any more what it was up to that position or to the last row.
            SomersaultError: the labeler refused and always will.
        """
        backoff = Backoff()
        while True:
            try:
                with translated_errors():
                    request = labeler_pb2.WatchPreferencesRequest(
                        run_id=self._run_id, cursor=after.cursor, commit_id=after.commit_id, is_complete=True
                    )
                    async for response in self._stub.WatchPreferences(request):
                        backoff.reset()
                        rows = self._rows(response, after=after.cursor)
                        if rows:
                            after = LogPosition.of(rows[-1])
                            yield rows
            except SomersaultError as error:
                if error.is_hopeless:
                    raise
                if isinstance(error, FailedPreconditionError):
                    raise LogWentBackError(str(error)) from error
                if isinstance(error, UnavailableError):
                    _log.info("preference_log_lost", cursor=after.cursor, detail=str(error))
                else:
                    _log.error("preference_log_refused", cursor=after.cursor, detail=str(error))
            await backoff.wait()

    def _rows(self, response: labeler_pb2.WatchPreferencesResponse, *, after: int) -> list[LogRow]:
        rows = _rows_from_message(response, run_id=self._run_id)
        return [row for row in rows if row.cursor > after]


_OPEN = (preference_pb2.QUERY_STATE_RENDERING, preference_pb2.QUERY_STATE_READY)
_GONE = (preference_pb2.QUERY_STATE_WITHDRAWN, preference_pb2.QUERY_STATE_FAILED)


def _known_from_message(query: preference_pb2.Query) -> KnownQuery:
    return KnownQuery(
        query_id=query.query_id,
        is_open=query.state in _OPEN,
        segment_ids=frozenset((query.left.segment_id, query.right.segment_id)),
        num_skips=query.num_skips,
    )


def _proposal_to_message(proposal: Proposal) -> labeler_pb2.Proposal:
    predicted = proposal.predicted
    return labeler_pb2.Proposal(
        proposal_id=proposal.proposal_id,
        first=stored_segment_to_message(proposal.first),
        second=stored_segment_to_message(proposal.second),
        wants_clips=proposal.wants_clips,
        first_predicted_rewards=() if predicted is None else predicted.first.tolist(),
        second_predicted_rewards=() if predicted is None else predicted.second.tolist(),
        reward_version=0 if predicted is None else predicted.reward_version,
    )


def _rows_from_message(response: labeler_pb2.WatchPreferencesResponse, *, run_id: str) -> list[LogRow]:
    rows: list[LogRow] = [_answer_from_message(record, run_id=run_id) for record in response.records]
    rows += [
        WeightChange(
            cursor=change.cursor,
            labeler_id=change.labeler_id,
            weight=change.weight,
            commit_id=change.commit_id,
        )
        for change in response.weight_changes
    ]
    return sorted(rows, key=lambda row: row.cursor)


def _segment_of(message: trajectory_pb2.StoredSegment, *, run_id: str) -> StoredSegment:
    """Return a segment of the log, under the keys that its name makes; one that can't be read is lost when it is."""
    return StoredSegment(
        segment_id=message.segment_id,
        segment_uri=segment_key(run_id, message.segment_id),
        sealed_uri=sealed_key(run_id, message.segment_id) if message.sealed_uri else "",
        duration_s=message.duration_s,
    )


def _answer_from_message(record: preference_pb2.PreferenceRecord, *, run_id: str) -> Answer:
    return Answer(
        cursor=record.cursor,
        query_id=record.query_id,
        answer_id=record.answer_id,
        version=record.version,
        preference=preference_from_message(record.preference),
        left=_segment_of(record.left, run_id=run_id),
        right=_segment_of(record.right, run_id=run_id),
        labeler_id=record.labeler_id,
        is_extra=record.is_extra,
        fills_query=record.answer_number >= record.target_answers,
        commit_id=record.commit_id,
    )
