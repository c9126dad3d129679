"""The reward service's rpcs: translates messages into calls on the loop, and results into messages."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
from numpy.typing import NDArray

from services.reward.loop import RewardLoop
from services.reward.pacing.learner_progress import LearnerProgress
from services.reward.pacing.progress_reports import ProgressReports, Reporter
from services.reward.published import RewardUpdate
from services.reward.segments.conversation import OfferConversation
from services.reward.segments.pool import SegmentPool
from services.reward.training.reward_learner import RewardLearner
from somersault.domain.actions import bounds_of_choices, least_choice_of
from somersault.domain.bounds import MAX_SEQUENCE, MAX_STEPS
from somersault.domain.roles import Identity
from somersault.domain.task_spec import TaskSpec
from somersault.domain.texts import check_name
from somersault.errors import InvalidInputError, PermissionDeniedError
from somersault.rpc import duplex, end_of_this_call
from somersault.rpc.tls.authorization import identity_of
from somersault.v1 import reward_pb2, reward_pb2_grpc
from somersault.wire import (
    array_from_tensor,
    tensor_from_array,
)

__all__ = ["RewardServicer"]

Context = grpc.aio.ServicerContext[Any, Any]

_MAX_ROWS = 1_000_000
_MAX_POSITIONS = 4096


class RewardServicer(reward_pb2_grpc.RewardServiceServicer):
    """Serves RewardService."""

    def __init__(
        self,
        *,
        spec: TaskSpec,
        conversation: OfferConversation,
        pool: SegmentPool,
        loop: RewardLoop,
        learner: RewardLearner,
    ) -> None:
        """Translate for these parts of the service."""
        self._spec = spec
        self._conversation = conversation
        self._pool = pool
        self._loop = loop
        self._learner = learner
        self._reports = ProgressReports(loop.note_progress)

    def add_to(self, server: grpc.aio.Server) -> list[str]:
        """Serve on ``server``, and return the full names of the services."""
        reward_pb2_grpc.add_RewardServiceServicer_to_server(self, server)
        return [service.full_name for service in reward_pb2.DESCRIPTOR.services_by_name.values()]

    async def OfferSegments(
        self,
        request_iterator: AsyncIterator[reward_pb2.OfferSegmentsRequest],
        context: Context,
    ) -> AsyncIterator[reward_pb2.OfferSegmentsResponse]:
        """Take offers and send demands for as long as the simulator is connected."""
        async for response in self._conversation.hold(request_iterator):
            yield response

    async def WatchRewardModel(
        self,
        request_iterator: AsyncIterator[reward_pb2.WatchRewardModelRequest],
        context: Context,
    ) -> AsyncIterator[reward_pb2.RewardModelUpdate]:
        """Take the learner's progress and send reward versions and what they settle."""
        reporter = Reporter(end=end_of_this_call())

        async def take(request: reward_pb2.WatchRewardModelRequest) -> None:
            _check_may_report(context)
            self._reports.report(reporter, _progress_from_message(request))

        sent_version = -1
        watching = self._loop.published.watch()
        try:
            async for update in duplex(
                request_iterator, handle=take, responses=watching, outlives_requests=True
            ):
                has_weights = update.version.number != sent_version
                yield _update_to_message(update, has_weights=has_weights)
                sent_version = update.version.number
        finally:
            self._reports.leave(reporter)

    async def Score(self, request: reward_pb2.ScoreRequest, context: Context) -> reward_pb2.ScoreResponse:
        """Predict rewards with the newest version."""
        observations, actions = _transitions_from_message(request, self._spec)
        version = self._loop.published.version
        members = await asyncio.to_thread(version.ensemble.predict, observations, actions)
        return reward_pb2.ScoreResponse(members=tensor_from_array(members), reward_version=version.number)

    async def GetStatus(
        self, request: reward_pb2.GetStatusRequest, context: Context
    ) -> reward_pb2.RewardStatus:
        """Return what the service has and what it needs."""
        version = self._loop.published.version
        accuracy = self._learner.preference_accuracy
        return reward_pb2.RewardStatus(
            reward_version=version.number,
            num_preferences=self._loop.tracker.num_answered,
            num_comparisons=version.num_comparisons,
            label_budget=self._loop.pacing.label_budget,
            num_labels_due=self._loop.num_due,
            num_open_queries=self._loop.tracker.num_open,
            num_pool_segments=len(self._pool),
            preference_accuracy=math.nan if accuracy is None else accuracy,
            num_accuracy_preferences=self._learner.num_accuracy_preferences,
            training_loss=self._learner.training_loss,
            preference_cursor=version.cursor,
            preference_commit_id=version.position.commit_id,
            num_awaited=self._loop.num_awaited,
            num_lost_comparisons=self._learner.num_lost,
        )


def _transitions_from_message(
    request: reward_pb2.ScoreRequest, spec: TaskSpec
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return observations ``[..., *observation]`` and actions ``[..., *action]``, with at least one leading axis."""
    shape = (spec.num_frames, *spec.stored_shape) if spec.is_image else spec.stored_shape
    observations = array_from_tensor("observations", request.observations, dtype=spec.frame_dtype)
    leading = observations.shape[: -len(shape)]
    if not leading or observations.shape[len(leading) :] != shape:
        bound = f"(…, {', '.join(map(str, shape))}) with at least {len(shape) + 1} axes"
        raise InvalidInputError("observations.shape", observations.shape, bound)
    if math.prod(leading) > _MAX_ROWS:
        raise InvalidInputError("observations", f"{math.prod(leading)} rows", f"at most {_MAX_ROWS}")
    actions = array_from_tensor(
        "actions", request.actions, dtype=spec.action_dtype, shape=(*leading, *spec.action_shape)
    )
    if spec.is_discrete:
        wrong = bounds_of_choices(actions, choices=spec.choices, least=least_choice_of(spec))
        if wrong is not None:
            raise InvalidInputError("actions", *wrong)
    return observations, actions


def _check_may_report(context: Context) -> None:
    """Return if the caller may say how far the learner is; tools of the run may only watch."""
    if identity_of(context) not in (None, Identity.LEARNER):
        raise PermissionDeniedError(
            "how far the learner is, only the learner may report; others send nothing"
        )


def _progress_from_message(request: reward_pb2.WatchRewardModelRequest) -> LearnerProgress:
    if not 0 <= request.env_steps <= 2 * MAX_STEPS:  # a last batch may go past the end
        raise InvalidInputError("env_steps", request.env_steps, f"0 to {2 * MAX_STEPS}")
    if len(request.positions) > _MAX_POSITIONS:
        raise InvalidInputError("positions", f"{len(request.positions)} entries", f"at most {_MAX_POSITIONS}")
    for position in request.positions:
        check_name("positions.incarnation", position.incarnation)
        if not 0 <= position.sequence <= MAX_SEQUENCE:
            raise InvalidInputError("positions.sequence", position.sequence, f"0 to {MAX_SEQUENCE}")
    newest = {position.incarnation: position.sequence for position in request.positions}
    return LearnerProgress(env_steps=request.env_steps, newest_sequences=newest)


def _update_to_message(update: RewardUpdate, *, has_weights: bool) -> reward_pb2.RewardModelUpdate:
    version = update.version
    return reward_pb2.RewardModelUpdate(
        reward_version=version.number,
        weights=version.weights if has_weights else b"",
        settled_env_steps=update.settled_env_steps,
        num_comparisons=version.num_comparisons,
        preference_cursor=version.cursor,
        preference_commit_id=version.position.commit_id,
        is_pretrained=update.is_pretrained,
        is_finishing=update.is_finishing,
        wants_segments=update.wants_segments,
        horizon_env_steps=update.horizon_env_steps,
    )
