"""The stream to the learner: policies and assignments come down, rollouts go up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc.aio
import structlog

from services.simulator.own_run import OwnRun
from services.simulator.rollouts.gatherer import Gathered, seed_sequence
from services.simulator.rollouts.gatherer_thread import GathererThread
from somersault.domain.roles import Identity
from somersault.errors import InvalidInputError
from somersault.rpc import Backoff, dial_forever, translated_errors
from somersault.tasks import Task
from somersault.v1 import learner_pb2, learner_pb2_grpc
from somersault.wire import rollout_to_message, task_spec_to_message, tensor_from_array

__all__ = ["LearnerStream"]

_log = structlog.get_logger()

_MAX_ROLLOUT_STEPS = 4096

Stream = grpc.aio.StreamStreamCall[Any, Any]


class LearnerStream:
    """Keeps a stream to the learner open; belongs to one event loop."""

    def __init__(
        self,
        task: Task,
        *,
        address: str,
        own_run: OwnRun,
        simulator_id: str,
        incarnation: str,
        gatherer: GathererThread,
        is_reference: bool = False,
        certificates: Path | None = None,
    ) -> None:
        """Prepare to dial.

        Args:
            task: What is simulated.
            address: The learner's, ``host:port``.
            own_run: The run whose rollouts are gathered.
            simulator_id: Stable name of this simulator.
            incarnation: Random name of this process's life.
            gatherer: Gathers what is assigned.
            is_reference: Whether true rewards go beside each rollout.
            certificates: As in `somersault.rpc.open_channel`.
        """
        self._task = task
        self._address = address
        self._own_run = own_run
        self._simulator_id = simulator_id
        self._incarnation = incarnation
        self._gatherer = gatherer
        self._is_reference = is_reference
        self._certificates = certificates
        self._sequence = 0

    async def run(self) -> None:
        """Keep the stream open until cancelled.

        Raises:
            SomersaultError: The learner refuses for good, or an environment failed.
        """
        await dial_forever(
            self._address,
            lambda channel, backoff: self._hold(self._open(channel), backoff),
            on_lost=lambda detail: _log.warning("collect_stream_lost", detail=detail),
            certificates=self._certificates,
            peer=Identity.LEARNER,
        )

    def _open(self, channel: grpc.aio.Channel) -> Stream:
        """Open the stream that fits the kind of run."""
        if self._is_reference:
            return learner_pb2_grpc.ReferenceLearnerServiceStub(channel).CollectReference(None)
        return learner_pb2_grpc.LearnerServiceStub(channel).Collect(None)

    async def _hold(self, stream: Stream, backoff: Backoff) -> None:
        """Say hello and answer assignments until the stream ends."""
        sending: asyncio.Task[None] | None = None
        num_steps = 0
        try:
            with translated_errors():
                await stream.write(self._wrap(self._hello()))
                async for response in stream:
                    kind = response.WhichOneof("kind")
                    if kind == "welcome":
                        backoff.reset()
                        num_steps = await self._join(response.welcome)
                    elif kind == "policy" and self._gatherer.run_id is not None:
                        policy = response.policy
                        self._gatherer.add_policy(policy.policy_version, policy.weights)
                    elif kind == "assignment" and num_steps:
                        gathered = await self._gather(response.assignment.policy_version, num_steps)
                        # While one rollout is being sent the next may be gathered, but no more.
                        if sending is not None:
                            await sending
                        sending = asyncio.create_task(self._send(stream, gathered))
                    else:
                        raise InvalidInputError("message of the learner", kind, "a welcome first")
        finally:
            if sending is not None:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
            stream.cancel()

    def _hello(self) -> learner_pb2.CollectRequest:
        """Return the first message."""
        return learner_pb2.CollectRequest(
            hello=learner_pb2.SimulatorHello(
                simulator_id=self._simulator_id,
                incarnation=self._incarnation,
                task=task_spec_to_message(self._task.spec),
                num_environments=self._gatherer.num_environments,
            )
        )

    async def _join(self, welcome: learner_pb2.CollectWelcome) -> int:
        """Start the environments of a run unless they are open already; return T."""
        if not 1 <= welcome.rollout_steps <= _MAX_ROLLOUT_STEPS:
            bound = f"1 to {_MAX_ROLLOUT_STEPS}"
            raise InvalidInputError("welcome.rollout_steps", welcome.rollout_steps, bound)
        run_id = self._own_run.check("welcome.run_id", welcome.run_id)
        if run_id != self._gatherer.run_id:
            seed = seed_sequence(
                seed=welcome.seed, simulator_id=self._simulator_id, env_steps=welcome.env_steps
            )
            await self._gatherer.begin(run_id, seed)
        _log.info("joined", run_id=run_id, env_steps=welcome.env_steps)
        return welcome.rollout_steps

    async def _gather(self, policy_version: int, num_steps: int) -> Gathered:
        """Gather the next rollout."""
        sequence, self._sequence = self._sequence, self._sequence + 1
        return await self._gatherer.gather(
            sequence=sequence, policy_version=policy_version, num_steps=num_steps
        )

    async def _send(self, stream: Stream, gathered: Gathered) -> None:
        """Send a rollout, in the stream's order."""
        # Beside the event loop, which has the next assignment to pass on: pictures are megabytes to copy.
        await stream.write(await asyncio.to_thread(self._rollout_message, gathered))

    def _rollout_message(self, gathered: Gathered) -> Any:
        """Return the message of a rollout."""
        return self._wrap(learner_pb2.CollectRequest(rollout=rollout_to_message(gathered.rollout)), gathered)

    def _wrap(self, request: learner_pb2.CollectRequest, gathered: Gathered | None = None) -> Any:
        """Return the message that fits the kind of run."""
        if not self._is_reference:
            return request
        true_rewards = tensor_from_array(gathered.true_rewards) if gathered is not None else None
        return learner_pb2.CollectReferenceRequest(request=request, true_rewards=true_rewards)
