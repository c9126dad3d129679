"""The labeler's messages to value objects and back."""

from __future__ import annotations

from google.protobuf import timestamp_pb2

from services.labeler.records import (
    Lease,
    PreferenceRecord,
    Proposal,
    Query,
    QueryState,
    RunStats,
    Side,
)
from somersault import convert
from somersault.errors import InvalidInputError
from somersault.types import Preference, Role, check_name
from somersault.v1 import labeler_pb2, preference_pb2

__all__ = [
    "lease_to_message",
    "proposal_from_message",
    "query_to_message",
    "record_to_message",
    "state_from_message",
    "stats_to_message",
    "timestamp",
]

_STATES = {
    QueryState.RENDERING: preference_pb2.QUERY_STATE_RENDERING,
    QueryState.READY: preference_pb2.QUERY_STATE_READY,
    QueryState.ANSWERED: preference_pb2.QUERY_STATE_ANSWERED,
    QueryState.WITHDRAWN: preference_pb2.QUERY_STATE_WITHDRAWN,
    QueryState.FAILED: preference_pb2.QUERY_STATE_FAILED,
}


def timestamp(time_ms: int) -> timestamp_pb2.Timestamp:
    """Gives the message of a time in milliseconds since 1970."""
    return timestamp_pb2.Timestamp(seconds=time_ms // 1000, nanos=time_ms % 1000 * 1_000_000)


def proposal_from_message(message: labeler_pb2.Proposal) -> Proposal:
    """Gives a proposal of two different segments.

    Raises:
        InvalidInputError: a name is not a name, a place is missing, or both segments are one.
    """
    first = convert.stored_segment_from_message(message.first)
    second = convert.stored_segment_from_message(message.second)
    if first.segment_id == second.segment_id:
        raise InvalidInputError("second.segment_id", second.segment_id, "another than the first's")
    return Proposal(
        proposal_id=check_name("proposal_id", message.proposal_id),
        first=first,
        second=second,
        wants_clips=message.wants_clips,
    )


def state_from_message(value: preference_pb2.QueryState.ValueType) -> QueryState | None:
    """Gives the state to filter by; None for all.

    Raises:
        InvalidInputError: it is unknown.
    """
    if value == preference_pb2.QUERY_STATE_UNSPECIFIED:
        return None
    for state, number in _STATES.items():
        if number == value:
            return state
    raise InvalidInputError("state", value, "a query state (0 to 5)")


def query_to_message(query: Query, *, viewer: Role) -> preference_pb2.Query:
    """Gives the message of a query as a role may see it."""
    query = query.seen_by(viewer)
    return preference_pb2.Query(
        query_id=query.query_id,
        run_id=query.run_id,
        question=query.question,
        left=_side_to_message(query.left, clip_url=f"/clips/{query.query_id}/left.mp4"),
        right=_side_to_message(query.right, clip_url=f"/clips/{query.query_id}/right.mp4"),
        state=_STATES[query.state],
        proposed_time=timestamp(query.proposed_ms),
    )


def lease_to_message(lease: Lease, *, viewer: Role) -> preference_pb2.Lease:
    """Gives the message of a lease."""
    return preference_pb2.Lease(
        lease_token=lease.token,
        query=query_to_message(lease.query, viewer=viewer),
        expire_time=timestamp(lease.expire_ms),
        remaining_s=lease.remaining_s,
    )


def record_to_message(record: PreferenceRecord) -> preference_pb2.PreferenceRecord:
    """Gives the message of a row of the preference log."""
    return preference_pb2.PreferenceRecord(
        cursor=record.cursor,
        run_id=record.run_id,
        query_id=record.query_id,
        answer_id=record.answer_id,
        version=record.version,
        preference=convert.preference_to_message(record.preference),
        left=convert.stored_segment_to_message(record.left),
        right=convert.stored_segment_to_message(record.right),
        labeler_id=record.labeler_id,
        labeler_role=convert.role_to_message(record.labeler_role),
        is_extra=record.is_extra,
        commit_time=timestamp(record.commit_ms),
        response_ms=record.response_ms,
    )


def stats_to_message(stats: RunStats) -> labeler_pb2.GetStatsResponse:
    """Gives the message of a run's counts."""
    return labeler_pb2.GetStatsResponse(
        num_rendering=stats.num_rendering,
        num_ready=stats.num_ready,
        num_leased=stats.num_leased,
        num_answered=stats.num_answered,
        num_left=stats.num_by_preference.get(Preference.LEFT, 0),
        num_right=stats.num_by_preference.get(Preference.RIGHT, 0),
        num_equal=stats.num_by_preference.get(Preference.EQUAL, 0),
        num_incomparable=stats.num_by_preference.get(Preference.INCOMPARABLE, 0),
        num_last_hour=stats.num_last_hour,
        num_own=stats.num_own,
        question=stats.question,
        newest_cursor=stats.newest_cursor,
    )


def _side_to_message(side: Side, *, clip_url: str) -> preference_pb2.Side:
    return preference_pb2.Side(
        segment_id=side.segment_id,
        clip_url=clip_url if side.clip_sha256 else "",
        clip_sha256=side.clip_sha256,
        sealed_uri=side.sealed_uri,
        segment_uri=side.segment_uri,
    )
