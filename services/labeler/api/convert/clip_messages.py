"""Clips, a labeler's own answers and practice pairs to messages and back."""

from __future__ import annotations

from services.labeler.api.convert import query_messages
from services.labeler.clips.practice import ShownPair
from services.labeler.model.answers import OwnAnswer
from services.labeler.model.clips import ClipChoice, ClippedQuery, PolicyClip
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import preference_pb2
from somersault.wire import preference_from_message, preference_to_message
from somersault.wire.clip_paths import policy_clip_path
from somersault.wire.times import timestamp_from_milliseconds

__all__ = [
    "choice_from_message",
    "clipped_to_message",
    "own_answer_to_message",
    "policy_clip_from_message",
    "policy_clip_to_message",
    "practice_to_message",
]


def policy_clip_from_message(message: pb.AddPolicyClipRequest) -> PolicyClip:
    """Return the clip of a policy that is to be added."""
    clip = message.clip
    return PolicyClip(
        policy_version=clip.policy_version,
        env_steps=clip.env_steps,
        clip_uri=message.clip_uri,
        sha256=clip.clip_sha256,
        duration_s=clip.duration_s,
        is_final=clip.is_final,
        predicted_rewards=tuple(clip.predicted_rewards),
        true_return=clip.true_return if clip.HasField("true_return") else None,
    )


def policy_clip_to_message(run_id: str, clip: PolicyClip, *, viewer: Role) -> pb.PolicyClip:
    """Return the message of a policy's clip, as a role may see it."""
    clip = clip.seen_by(viewer)
    return pb.PolicyClip(
        policy_version=clip.policy_version,
        env_steps=clip.env_steps,
        # with its hash, so that a browser may cache it forever even if another clip replaces it
        clip_url=f"{policy_clip_path(run_id, clip.policy_version)}?sha256={clip.sha256}",
        clip_sha256=clip.sha256,
        duration_s=clip.duration_s,
        create_time=timestamp_from_milliseconds(clip.created_ms),
        is_final=clip.is_final,
        predicted_rewards=clip.predicted_rewards,
        true_return=clip.true_return,
    )


def own_answer_to_message(answer: OwnAnswer, *, viewer: Role) -> pb.OwnAnswer:
    """Return the message of one of the caller's answers."""
    return pb.OwnAnswer(
        query=query_messages.query_to_message(answer.query, viewer=viewer),
        answer_id=answer.answer_id,
        version=answer.version,
        preference=preference_to_message(answer.preference),
        answer_time=timestamp_from_milliseconds(answer.answered_ms),
        is_revisable=answer.is_revisable,
    )


def practice_to_message(pair: ShownPair) -> pb.PracticePair:
    """Return the message of a practice pair."""
    return pb.PracticePair(
        left_clip=pair.left,
        right_clip=pair.right,
        preference=preference_to_message(pair.preference),
        explanation=pair.explanation,
    )


def choice_from_message(message: pb.ListClipsRequest) -> ClipChoice:
    """Return which queries with clips a request asks for.

    Raises:
        InvalidInputError: there is no such answer or order.
    """
    if message.order not in pb.ClipOrder.values():
        raise InvalidInputError("order", message.order, "an order of clips (0 or 1)")
    has_preference = message.preference != preference_pb2.PREFERENCE_UNSPECIFIED
    return ClipChoice(
        labeler_id=message.labeler_id or None,
        preference=preference_from_message(message.preference) if has_preference else None,
        is_answered=message.is_answered,
        is_by_disagreement=message.order == pb.CLIP_ORDER_DISAGREEMENT,
    )


def clipped_to_message(clipped: ClippedQuery, *, viewer: Role) -> pb.ClippedQuery:
    """Return the message of a query with clips, as a role may see it."""
    predicted = clipped.predicted
    return pb.ClippedQuery(
        query=query_messages.query_to_message(clipped.query, viewer=viewer),
        left_predicted_rewards=predicted.first if predicted else (),
        right_predicted_rewards=predicted.second if predicted else (),
        reward_version=predicted.reward_version if predicted else 0,
        answers=[
            pb.QueryAnswer(
                labeler_id=answer.labeler_id,
                name=answer.name,
                preference=preference_to_message(answer.preference),
                answer_time=timestamp_from_milliseconds(answer.answered_ms),
            )
            for answer in clipped.answers
        ],
        left_duration_s=clipped.left_duration_s,
        right_duration_s=clipped.right_duration_s,
    )
