"""Works for the learner: takes its policies and assignments, brings it rollouts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import prometheus_client
import structlog

from services.simulator.episodes.scores import EpisodeScore
from services.simulator.rollouts.gatherer import Gathered, Gatherer, seed_sequence
from services.simulator.rollouts.gatherer_thread import EnvironmentLife
from services.simulator.segments.offers import Offer
from somersault.domain.texts import check_name
from somersault.errors import InvalidInputError
from somersault.rpc import Backoff, dial_forever, translated_errors
from somersault.runtime.precision import Precision
from somersault.tasks import Task
from somersault.v1 import learner_pb2, learner_pb2_grpc
from somersault.wire import rollout_to_message, task_spec_to_message, tensor_from_array

__all__ = ["RolloutCollector", "Statistics"]

_log = structlog.get_logger()

_MAX_ROLLOUT_STEPS = 4096
_NUM_ENV_STEPS = prometheus_client.Counter(
    "somersault_simulator_env_steps_total", "Environment steps gathered for a learner."
)

Stream = grpc.aio.StreamStreamCall[Any, Any]
AddOffer = Callable[[Offer, str], None]
"""Takes the segments of a rollout and the run they are of."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Says how gathering has gone in this process's life."""

    recent_scores: tuple[EpisodeScore, ...] = ()
    env_steps: int = 0


class RolloutCollector:
    """Keeps a stream to the learner open; belongs to one event loop."""

    def __init__(
        self,
        task: Task,
        *,
        address: str,
        simulator_id: str,
        incarnation: str,
        num_environments: int,
        num_threads: int = 1,
        precision: Precision = "float32",
        is_staggered: bool = False,
        num_segments_per_episode: int = 2,
        is_reference: bool = False,
        add_offer: AddOffer,
        call_record_path: Path | None = None,
    ) -> None:
        """Begins without a run.

        Args:
            task: What is simulated.
            address: The learner's, ``host:port``.
            simulator_id: Stable name of this simulator.
            incarnation: Random name of this process's life.
            num_environments: N.
            num_threads: For the physics.
            precision: What a policy for pictures acts in.
            is_staggered: See `open_environment`.
            num_segments_per_episode: See `EpisodeRecorder`.
            is_reference: Whether true rewards go beside each rollout.
            add_offer: Told the segments of each rollout before the learner gets it.
            call_record_path: File that shows which environment is being called; None for none.
        """
        self._task = task
        self._address = address
        self._simulator_id = simulator_id
        self._incarnation = incarnation
        self._num_environments = num_environments
        self._num_threads = num_threads
        self._precision: Precision = precision
        self._is_staggered = is_staggered
        self._num_segments_per_episode = num_segments_per_episode
        self._is_reference = is_reference
        self._add_offer = add_offer
        self.life = EnvironmentLife(
            task.name, num_environments=num_environments, call_record_path=call_record_path
        )
        """Its environments."""
        self._sequence = 0
        self.statistics = Statistics()

    async def run(self) -> None:
        """Keep the stream open until cancelled.

        Raises:
            SomersaultError: The learner refuses for good, or an environment failed.
        """
        await dial_forever(
            self._address,
            lambda channel, backoff: self._hold(self._open(channel), backoff),
            on_lost=lambda detail: _log.warning("collect_stream_lost", detail=detail),
        )

    def _open(self, channel: grpc.aio.Channel) -> Stream:
        """Opens the stream that fits the kind of run."""
        if self._is_reference:
            return learner_pb2_grpc.ReferenceLearnerServiceStub(channel).CollectReference(None)
        return learner_pb2_grpc.LearnerServiceStub(channel).Collect(None)

    async def _hold(self, stream: Stream, backoff: Backoff) -> None:
        """Says hello and answers assignments until the stream ends."""
        writing: asyncio.Task[None] | None = None
        num_steps = 0
        try:
            with translated_errors():
                await stream.write(self._wrap(self._hello()))
                async for response in stream:
                    kind = response.WhichOneof("kind")
                    if kind == "welcome":
                        backoff.reset()
                        num_steps = await self._join(response.welcome)
                    elif kind == "policy" and self.life.gatherer is not None:
                        policy = response.policy
                        self.life.gatherer.add_policy(policy.policy_version, policy.weights)
                    elif kind == "assignment" and num_steps:
                        gathered = await self._gather(response.assignment.policy_version, num_steps)
                        # While a rollout is being sent the next is gathered already, but only one.
                        if writing is not None:
                            await writing
                        writing = asyncio.create_task(self._send(stream, gathered))
                    else:
                        raise InvalidInputError("message of the learner", kind, "a welcome first")
        finally:
            if writing is not None:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)
            stream.cancel()

    def _hello(self) -> learner_pb2.CollectRequest:
        """Gives the first message."""
        return learner_pb2.CollectRequest(
            hello=learner_pb2.SimulatorHello(
                simulator_id=self._simulator_id,
                incarnation=self._incarnation,
                task=task_spec_to_message(self._task.spec),
                num_environments=self._num_environments,
            )
        )

    async def _join(self, welcome: learner_pb2.CollectWelcome) -> int:
        """Goes on with the run if it is the one before, else starts its environments; gives T."""
        if not 1 <= welcome.rollout_steps <= _MAX_ROLLOUT_STEPS:
            bound = f"1 to {_MAX_ROLLOUT_STEPS}"
            raise InvalidInputError("welcome.rollout_steps", welcome.rollout_steps, bound)
        run_id = check_name("welcome.run_id", welcome.run_id)
        if self.life.gatherer is None or run_id != self.life.run_id:
            await self.life.begin(run_id, lambda suffix: self._start(welcome, suffix))
        _log.info("joined", run_id=run_id, env_steps=welcome.env_steps)
        return welcome.rollout_steps

    def _start(self, welcome: learner_pb2.CollectWelcome, suffix: str) -> Gatherer:
        """Start the environments of a run; their segments' names have the suffix."""
        return Gatherer(
            self._task,
            incarnation=f"{self._incarnation}{suffix}",
            seed=seed_sequence(
                seed=welcome.seed, simulator_id=self._simulator_id, env_steps=welcome.env_steps
            ),
            num_environments=self._num_environments,
            num_threads=self._num_threads,
            precision=self._precision,
            is_staggered=self._is_staggered,
            num_segments_per_episode=self._num_segments_per_episode,
            calls=self.life.calls,
        )

    async def _gather(self, policy_version: int, num_steps: int) -> Gathered:
        """Gathers a rollout and offers its segments."""
        sequence, self._sequence = self._sequence, self._sequence + 1
        gathered = await self.life.gather(
            sequence=sequence, policy_version=policy_version, num_steps=num_steps
        )
        rollout = gathered.rollout
        _NUM_ENV_STEPS.inc(rollout.num_steps)
        env_steps = self.statistics.env_steps + rollout.num_steps
        self.statistics = Statistics(gathered.recent_scores, env_steps)
        self._add_offer(gathered.offer, self.life.run_id)
        return gathered

    async def _send(self, stream: Stream, gathered: Gathered) -> None:
        """Sends a rollout, in the stream's order."""
        # Beside the event loop, which has the next assignment to pass on: pictures are megabytes to copy.
        await stream.write(await asyncio.to_thread(self._rollout_message, gathered))

    def _rollout_message(self, gathered: Gathered) -> Any:
        """Gives the message of a rollout."""
        return self._wrap(learner_pb2.CollectRequest(rollout=rollout_to_message(gathered.rollout)), gathered)

    def _wrap(self, request: learner_pb2.CollectRequest, gathered: Gathered | None = None) -> Any:
        """Gives the message that fits the kind of run."""
        if not self._is_reference:
            return request
        true_rewards = tensor_from_array(gathered.true_rewards) if gathered is not None else None
        return learner_pb2.CollectReferenceRequest(request=request, true_rewards=true_rewards)
