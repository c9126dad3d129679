"""One simulator's `Collect` stream: what is read from it, and what is sent down."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable

from services.learner.config import LearnerConfig
from services.learner.rollouts.collector import Collector
from services.learner.rollouts.session import Assignment, PublishedPolicy, SimulatorSession
from somersault.domain.task_spec import TaskSpec
from somersault.domain.texts import check_name
from somersault.domain.trajectory import Rollout
from somersault.errors import InvalidInputError
from somersault.rpc import drained, duplex, end_of_this_call, first_message, limits
from somersault.v1 import learner_pb2
from somersault.wire import rollout_from_message, task_spec_from_message

__all__ = ["CollectConversation", "policy_to_message", "rollout_bytes"]


class CollectConversation:
    """Holds simulators' streams, each from its hello to its end. Shared by ordinary and reference runs."""

    def __init__(
        self,
        *,
        config: LearnerConfig,
        spec: TaskSpec,
        collector: Collector,
        env_steps: Callable[[], int],
    ) -> None:
        """Connect the parts.

        Args:
            config: What a welcome says.
            spec: What simulators must simulate.
            collector: Where rollouts go.
            env_steps: Returns the environment steps taken so far, for the welcome.
        """
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
        """Yield what to send to one simulator; ``on_rollout`` is called with each rollout before the collector gets it.

        Raises:
            InvalidInputError: A message is out of bounds or out of order.
            ResourceExhaustedError: Too many simulators are connected.
        """
        hello = await self._read_hello(requests)
        session = self._collector.join(
            simulator_id=hello.simulator_id,
            incarnation=hello.incarnation,
            num_environments=hello.num_environments,
            end=end_of_this_call(),
        )

        async def deliver(request: learner_pb2.CollectRequest) -> None:
            rollout = self._read_rollout(request, session)
            on_rollout(session, rollout)
            self._collector.deliver(session, rollout)

        try:
            yield self._welcome()
            async for item in duplex(requests, handle=deliver, responses=drained(session.outbox)):
                yield self._item_to_message(item)
        finally:
            self._collector.leave(session)

    async def _read_hello(
        self, requests: AsyncIterator[learner_pb2.CollectRequest]
    ) -> learner_pb2.SimulatorHello:
        hello = (await first_message(requests, rpc="Collect")).hello
        self._check_hello(hello)
        return hello

    def _check_hello(self, hello: learner_pb2.SimulatorHello) -> None:
        check_name("hello.simulator_id", hello.simulator_id)
        check_name("hello.incarnation", hello.incarnation)
        if not 1 <= hello.num_environments <= self._config.max_environments:
            bound = f"1 to {self._config.max_environments}"
            raise InvalidInputError("hello.num_environments", hello.num_environments, bound)
        self._check_rollout_size(hello.num_environments)
        spec = task_spec_from_message(hello.task)
        if spec != self._spec:
            raise InvalidInputError("hello.task", spec, f"the learner's task {self._spec}")

    def _check_rollout_size(self, num_environments: int) -> None:
        """Refuse at once a simulator whose rollouts would all be too large, rather than each of them in turn."""
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

    def _item_to_message(self, item: PublishedPolicy | Assignment) -> learner_pb2.CollectResponse:
        if isinstance(item, Assignment):
            return learner_pb2.CollectResponse(
                assignment=learner_pb2.Assignment(policy_version=item.policy_version)
            )
        # Every simulator is sent the same message, so it is made once: a policy for pictures is megabytes.
        if self._newest is None or self._newest[0] is not item:
            self._newest = item, learner_pb2.CollectResponse(policy=policy_to_message(item))
        return self._newest[1]


def policy_to_message(policy: PublishedPolicy) -> learner_pb2.Policy:
    """Return a policy as it is sent."""
    return learner_pb2.Policy(policy_version=policy.version, weights=policy.weights)


def rollout_bytes(spec: TaskSpec, *, num_steps: int, num_environments: int) -> int:
    """Return an upper bound on the size of a rollout's message ``[T, N]``, in which episodes end as often as they can."""
    frame = math.prod(spec.stored_shape) * spec.frame_dtype.itemsize
    action = math.prod(spec.action_shape) * spec.action_dtype.itemsize
    num_frames = num_steps + spec.num_frames - 1  # observations
    num_frames += 1  # next_observations
    shortest = min(spec.episode_steps, 1 + spec.still_steps) if spec.still_steps else spec.episode_steps
    num_frames += 0 if spec.is_continuing else -(-num_steps // shortest)  # final_observations
    log_prob, names = 4, 1024
    flags = 2 if spec.still_steps else 1  # is_truncated, is_still
    return num_environments * (num_frames * frame + num_steps * (action + log_prob + flags)) + names
