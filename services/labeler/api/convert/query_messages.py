"""Proposals, queries and leases to messages and back."""

from __future__ import annotations

import math

from services.labeler.model.queries import Lease, PredictedRewards, Proposal, Query, QueryState, Side
from somersault import wire
from somersault.domain.roles import Role
from somersault.domain.texts import check_name
from somersault.domain.trajectory import StoredSegment
from somersault.errors import InvalidInputError, shorten
from somersault.v1 import labeler_pb2, preference_pb2
from somersault.wire.clip_paths import clip_path
from somersault.wire.times import timestamp_from_milliseconds

__all__ = ["lease_to_message", "proposal_from_message", "query_to_message", "state_from_message"]

MAX_PREDICTED = 10_000  # steps of a segment; an episode of the longest task has 1,000

_STATES = {
    QueryState.RENDERING: preference_pb2.QUERY_STATE_RENDERING,
    QueryState.READY: preference_pb2.QUERY_STATE_READY,
    QueryState.ANSWERED: preference_pb2.QUERY_STATE_ANSWERED,
    QueryState.WITHDRAWN: preference_pb2.QUERY_STATE_WITHDRAWN,
    QueryState.FAILED: preference_pb2.QUERY_STATE_FAILED,
}


def proposal_from_message(message: labeler_pb2.Proposal, *, run_id: str) -> Proposal:
    """Return a proposal of two different segments.

    Raises:
        InvalidInputError: a name or a key is invalid, or both segments are the same.
    """
    first = _segment_from_message(message, "first", run_id=run_id)
    second = _segment_from_message(message, "second", run_id=run_id)
    if first.segment_id == second.segment_id:
        name = shorten(second.segment_id)
        raise InvalidInputError(f"second.segment_id is {name}, must differ from first.segment_id")
    return Proposal(
        proposal_id=check_name("proposal_id", message.proposal_id),
        first=first,
        second=second,
        wants_clips=message.wants_clips,
        target_answers=message.target_answers or None,
        predicted=_predicted_from_message(message),
    )


def _segment_from_message(message: labeler_pb2.Proposal, side: str, *, run_id: str) -> StoredSegment:
    try:
        return wire.stored_segment_from_message(getattr(message, side), run_id=run_id)
    except InvalidInputError as error:
        raise InvalidInputError(f"{side}: {error}") from error


def _predicted_from_message(message: labeler_pb2.Proposal) -> PredictedRewards | None:
    first, second = message.first_predicted_rewards, message.second_predicted_rewards
    if not first and not second:
        return None
    for field, values in (("first_predicted_rewards", first), ("second_predicted_rewards", second)):
        if not 1 <= len(values) <= MAX_PREDICTED:
            raise InvalidInputError(f"number of {field}", len(values), f"1 to {MAX_PREDICTED}, or 0 for both")
        if not all(map(math.isfinite, values)):
            raise InvalidInputError(field, "a value that is not finite", "finite values")
    if message.reward_version < 0:
        raise InvalidInputError("reward_version", message.reward_version, "at least 0")
    return PredictedRewards(first=first, second=second, reward_version=message.reward_version)


def state_from_message(value: preference_pb2.QueryState.ValueType) -> QueryState | None:
    """Return the state to filter by; None for every state.

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
    """Return the message of a query as a role may see it."""
    query = query.seen_by(viewer)
    return preference_pb2.Query(
        query_id=query.query_id,
        run_id=query.run_id,
        question=query.question,
        left=_side_to_message(query.left, clip_url=clip_path(query.query_id, "left")),
        right=_side_to_message(query.right, clip_url=clip_path(query.query_id, "right")),
        state=_STATES[query.state],
        proposed_time=timestamp_from_milliseconds(query.proposed_ms) if query.proposed_ms else None,
        guidelines_version=query.guidelines_version,
        target_answers=query.target_answers,
        num_answers=query.num_answers,
        num_skips=query.num_skips,
    )


def lease_to_message(lease: Lease, *, viewer: Role) -> preference_pb2.Lease:
    """Return the message of a lease."""
    return preference_pb2.Lease(
        lease_token=lease.token,
        query=query_to_message(lease.query, viewer=viewer),
        expire_time=timestamp_from_milliseconds(lease.expire_ms),
        remaining_s=lease.remaining_s,
    )


def _side_to_message(side: Side, *, clip_url: str) -> preference_pb2.Side:
    return preference_pb2.Side(
        segment_id=side.segment_id,
        clip_url=clip_url if side.clip_sha256 else "",
        clip_sha256=side.clip_sha256,
        sealed_uri=side.sealed_uri,
        segment_uri=side.segment_uri,
    )
