"""The learner's rpcs, from messages to the loop and back. Its streams with simulators are in `rollouts.conversation`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from services.learner.config import LearnerConfig
from services.learner.loop import TrainingLoop
from services.learner.progress import LearnerState, Progress
from services.learner.rollouts.collector import Collector
from services.learner.rollouts.conversation import CollectConversation, policy_to_message
from somersault.errors import FailedPreconditionError, InvalidInputError, UnavailableError
from somersault.v1 import learner_pb2, learner_pb2_grpc

__all__ = ["LearnerServicer"]

Context = grpc.aio.ServicerContext[Any, Any]

_STATES = {
    LearnerState.WAITING_FOR_SIMULATORS: learner_pb2.LEARNER_STATE_WAITING_FOR_SIMULATORS,
    LearnerState.WAITING_FOR_REWARD: learner_pb2.LEARNER_STATE_WAITING_FOR_REWARD,
    LearnerState.LEARNING: learner_pb2.LEARNER_STATE_LEARNING,
    LearnerState.PAUSED: learner_pb2.LEARNER_STATE_PAUSED,
    LearnerState.FINISHED: learner_pb2.LEARNER_STATE_FINISHED,
}


class LearnerServicer(learner_pb2_grpc.LearnerServiceServicer):
    """Serves LearnerService."""

    def __init__(
        self,
        *,
        config: LearnerConfig,
        conversation: CollectConversation,
        collector: Collector,
        loop: TrainingLoop,
    ) -> None:
        """Connect the parts that requests go to."""
        self._config = config
        self._conversation = conversation
        self._collector = collector
        self._loop = loop

    async def Collect(
        self, request_iterator: AsyncIterator[learner_pb2.CollectRequest], context: Context
    ) -> AsyncIterator[learner_pb2.CollectResponse]:
        """Collect rollouts; a reference run refuses, because true and predicted rewards must not mix."""
        if self._config.is_reference:
            raise FailedPreconditionError(
                "this learner was started for a reference run: only CollectReference serves it"
            ).never()
        async for response in self._conversation.hold(request_iterator):
            yield response

    async def WatchProgress(
        self, request: learner_pb2.WatchProgressRequest, context: Context
    ) -> AsyncIterator[learner_pb2.Progress]:
        """Send progress now and whenever it changes."""
        async for progress in self._loop.progress.watch():
            yield self._progress_to_message(progress)

    async def GetPolicy(self, request: learner_pb2.GetPolicyRequest, context: Context) -> learner_pb2.Policy:
        """Return the newest policy."""
        policy = self._collector.policy
        if policy is None:
            raise FailedPreconditionError("no policy is published yet: the learner is still starting")
        return policy_to_message(policy)

    async def Control(
        self, request: learner_pb2.ControlRequest, context: Context
    ) -> learner_pb2.ControlResponse:
        """Pause, resume, store a checkpoint, or stop."""
        if request.action == learner_pb2.CONTROL_ACTION_PAUSE:
            self._loop.pause()
        elif request.action == learner_pb2.CONTROL_ACTION_RESUME:
            self._loop.resume()
        elif request.action == learner_pb2.CONTROL_ACTION_CHECKPOINT:
            if not await self._loop.checkpoint():
                raise UnavailableError(
                    "the object store can't be reached, is slow or full; no checkpoint was stored yet"
                )
        elif request.action == learner_pb2.CONTROL_ACTION_STOP:
            self._loop.stop()
        else:
            raise InvalidInputError("action", request.action, "pause, resume, checkpoint or stop (1 to 4)")
        return learner_pb2.ControlResponse(progress=self._progress_to_message(self._loop.progress.value))

    def _progress_to_message(self, progress: Progress) -> learner_pb2.Progress:
        return learner_pb2.Progress(
            run_id=self._config.run_id,
            state=_STATES[progress.state],
            env_steps=progress.env_steps,
            total_env_steps=self._loop.total_env_steps,
            policy_version=progress.policy_version,
            reward_version=progress.reward_version,
            env_steps_per_s=progress.env_steps_per_s,
            predicted_reward_mean=progress.predicted_reward_mean,
            statistics={**progress.statistics, **progress.alarms},
            num_stale_rollouts=progress.num_stale,
            num_repeated_rollouts=progress.num_repeated,
            num_simulators=progress.num_simulators,
            checkpoint_env_steps=progress.checkpoint_env_steps,
        )
