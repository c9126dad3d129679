"""The learner's rpcs: from messages to the collector and the loop, and back."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio

from services.learner.config import LearnerConfig
from services.learner.loop import TrainingLoop
from services.learner.progress import LearnerState, Progress
from services.learner.rollouts.collector import Assign, Collector, PublishedPolicy, SimulatorSession
from somersault.domain.task_spec import TaskSpec
from somersault.domain.texts import check_name
from somersault.domain.trajectory import Rollout
from somersault.errors import FailedPreconditionError, InvalidInputError, UnavailableError
from somersault.rpc import drained, duplex, limits
from somersault.v1 import learner_pb2, learner_pb2_grpc
from somersault.wire import rollout_from_message, task_spec_from_message

__all__ = ["CollectConversation", "LearnerServicer"]

Context = grpc.aio.ServicerContext[Any, Any]

_STATES = {
    LearnerState.WAITING_FOR_SIMULATORS: learner_pb2.LEARNER_STATE_WAITING_FOR_SIMULATORS,
    LearnerState.WAITING_FOR_REWARD: learner_pb2.LEARNER_STATE_WAITING_FOR_REWARD,
    LearnerState.LEARNING: learner_pb2.LEARNER_STATE_LEARNING,
    LearnerState.PAUSED: learner_pb2.LEARNER_STATE_PAUSED,
    LearnerState.FINISHED: learner_pb2.LEARNER_STATE_FINISHED,
}


class CollectConversation:
    """One simulator's stream, from hello to its end. Shared by ordinary and reference runs."""

    def __init__(
        self,
        *,
        config: LearnerConfig,
        spec: TaskSpec,
        collector: Collector,
        env_steps: Callable[[], int],
    ) -> None:
        """Takes what a welcome tells and where rollouts go."""
        self._config = config
        self._spec = spec
        self._collector = collector
        self._env_steps = env_steps
        self._newest: tuple[PublishedPolicy, learner_pb2.CollectResponse] | None = None

    async def hold(
        self,
        requests: AsyncIterator[learner_pb2.CollectRequest],
        *,
        on_rollout: Callable[[SimulatorSession, Rollout], None] = lambda _session, _rollout: None,
    ) -> AsyncIterator[learner_pb2.CollectResponse]:
        """Gives what to send down; ``on_rollout`` is told of each rollout before the collector gets it.

        Raises:
            InvalidInputError: a message is out of bounds or out of order.
            ResourceExhaustedError: too many simulators are connected.
        """
        hello = await self._read_hello(requests)
        session = self._collector.join(
            simulator_id=hello.simulator_id,
            incarnation=hello.incarnation,
            num_environments=hello.num_environments,
        )

        async def take(request: learner_pb2.CollectRequest) -> None:
            rollout = self._read_rollout(request, session)
            on_rollout(session, rollout)
            self._collector.deliver(session, rollout)

        try:
            yield self._welcome()
            async for item in duplex(requests, handle=take, responses=drained(session.outbox)):
                yield self._item_to_message(item)
        finally:
            self._collector.leave(session)

    async def _read_hello(
        self, requests: AsyncIterator[learner_pb2.CollectRequest]
    ) -> learner_pb2.SimulatorHello:
        async for request in requests:
            if request.WhichOneof("kind") != "hello":
                break
            hello = request.hello
            check_name("hello.simulator_id", hello.simulator_id)
            check_name("hello.incarnation", hello.incarnation)
            if not 1 <= hello.num_environments <= self._config.max_environments:
                bound = f"1 to {self._config.max_environments}"
                raise InvalidInputError("hello.num_environments", hello.num_environments, bound)
            self._check_size(hello.num_environments)
            spec = task_spec_from_message(hello.task)
            if spec != self._spec:
                raise InvalidInputError("hello.task", spec, f"the learner's task {self._spec}")
            return hello
        raise InvalidInputError("the first message of Collect must be a hello")

    def _check_size(self, num_environments: int) -> None:
        """Refuses at once what would never get through, rather than each rollout in turn."""
        size = rollout_bytes(
            self._spec, num_steps=self._config.rollout_steps, num_environments=num_environments
        )
        if size > limits.MAX_MESSAGE_BYTES:
            most = num_environments * limits.MAX_MESSAGE_BYTES // size
            bound = (
                f"at most {most}, so that a rollout of {self._config.rollout_steps} steps fits into a message"
            )
            raise InvalidInputError("hello.num_environments", num_environments, bound)

    def _read_rollout(self, request: learner_pb2.CollectRequest, session: SimulatorSession) -> Rollout:
        if request.WhichOneof("kind") != "rollout":
            raise InvalidInputError("after its hello a simulator may only send rollouts")
        return rollout_from_message(
            request.rollout,
            spec=self._spec,
            num_steps=self._config.rollout_steps,
            num_environments=session.num_environments,
        )

    def _welcome(self) -> learner_pb2.CollectResponse:
        return learner_pb2.CollectResponse(
            welcome=learner_pb2.CollectWelcome(
                rollout_steps=self._config.rollout_steps,
                seed=self._config.seed,
                run_id=self._config.run_id,
                env_steps=self._env_steps(),
            )
        )

    def _item_to_message(self, item: PublishedPolicy | Assign) -> learner_pb2.CollectResponse:
        if isinstance(item, Assign):
            return learner_pb2.CollectResponse(
                assignment=learner_pb2.Assignment(policy_version=item.policy_version)
            )
        # Every simulator is sent the same message, so it is made once: a policy for pictures is megabytes.
        if self._newest is None or self._newest[0] is not item:
            self._newest = item, learner_pb2.CollectResponse(policy=_policy_to_message(item))
        return self._newest[1]


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
        """Takes the parts it translates for."""
        self._config = config
        self._conversation = conversation
        self._collector = collector
        self._loop = loop

    async def Collect(
        self, request_iterator: AsyncIterator[learner_pb2.CollectRequest], context: Context
    ) -> AsyncIterator[learner_pb2.CollectResponse]:
        """Takes rollouts; refuses in a reference run, which must not mix with predicted rewards."""
        if self._config.is_reference:
            raise FailedPreconditionError(
                "this learner makes a reference run: only CollectReference serves it"
            ).never()
        async for response in self._conversation.hold(request_iterator):
            yield response

    async def WatchProgress(
        self, request: learner_pb2.WatchProgressRequest, context: Context
    ) -> AsyncIterator[learner_pb2.Progress]:
        """Sends progress now and whenever it changes."""
        async for progress in self._loop.progress.watch():
            yield self._progress_to_message(progress)

    async def GetPolicy(self, request: learner_pb2.GetPolicyRequest, context: Context) -> learner_pb2.Policy:
        """Gives the newest policy."""
        policy = self._collector.policy
        if policy is None:
            raise FailedPreconditionError("no policy is published yet; the learner is starting")
        return _policy_to_message(policy)

    async def Control(
        self, request: learner_pb2.ControlRequest, context: Context
    ) -> learner_pb2.ControlResponse:
        """Pauses, resumes, checkpoints or stops."""
        if request.action == learner_pb2.CONTROL_ACTION_PAUSE:
            self._loop.pause()
        elif request.action == learner_pb2.CONTROL_ACTION_RESUME:
            self._loop.resume()
        elif request.action == learner_pb2.CONTROL_ACTION_CHECKPOINT:
            if not await self._loop.checkpoint():
                raise UnavailableError("the object store is away; no checkpoint was stored")
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
            statistics=progress.statistics,
            num_stale_rollouts=progress.num_stale,
            num_repeated_rollouts=progress.num_repeated,
            num_simulators=progress.num_simulators,
            checkpoint_env_steps=progress.checkpoint_env_steps,
        )


def _policy_to_message(policy: PublishedPolicy) -> learner_pb2.Policy:
    return learner_pb2.Policy(policy_version=policy.version, weights=policy.weights)


def rollout_bytes(spec: TaskSpec, *, num_steps: int, num_environments: int) -> int:
    """Gives the most bytes of a rollout's arrays ``[T, N]``: as if each episode ended once within them, and then some."""
    frame = math.prod(spec.stored_shape) * spec.frame_dtype.itemsize
    action = math.prod(spec.action_shape) * spec.action_dtype.itemsize
    num_frames = num_steps + spec.num_frames - 1  # observations
    num_frames += 1  # next_observations
    shortest = min(spec.episode_steps, 1 + spec.still_steps) if spec.still_steps else spec.episode_steps
    num_frames += 0 if spec.is_continuing else -(-num_steps // shortest)  # final_observations
    log_prob, names = 4, 1024
    flags = 2 if spec.still_steps else 1  # is_truncated, is_still
    return num_environments * (num_frames * frame + num_steps * (action + log_prob + flags)) + names
