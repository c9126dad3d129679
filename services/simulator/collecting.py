"""Works for the learner: takes its policies and assignments, brings it rollouts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import grpc.aio
import prometheus_client
import structlog

from services.simulator.gathering import Gathered, Gatherer, seed_sequence
from services.simulator.scores import EpisodeScore
from services.simulator.segments import Offer
from somersault import telemetry
from somersault.call_record import CallRecord
from somersault.convert import rollout_to_message, task_spec_to_message, tensor_from_array
from somersault.errors import EnvironmentFailedError, InvalidInputError
from somersault.rpc import Backoff, dial_forever, translated_errors
from somersault.tasks import Task
from somersault.types import Precision, check_name
from somersault.v1 import learner_pb2, learner_pb2_grpc

__all__ = ["RolloutCollector", "Statistics"]

_log = structlog.get_logger()

_MAX_ROLLOUT_STEPS = 4096
_CLOSE_S = 1.0
_HANG_S = 30.0
_LOOK_S = 5.0
_NUM_FAILURES = prometheus_client.Counter(
    "somersault_simulator_environment_failures_total",
    "Times that an environment raised, or gave something else than it declares.",
)
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
    """Keeps a stream to the learner open; belongs to one event loop, gathers on a thread of its own."""

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
        self._calls = CallRecord(task.name, num_environments=num_environments, path=call_record_path)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="gather")
        self._gatherer: Gatherer | None = None
        self._run_id = ""
        self._sequence = 0
        self._num_begun = 0
        """How many times environments were begun in this life."""
        self._num_rollouts = 0
        """Rollouts gathered since they were begun last."""
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

    async def watch_calls(self) -> NoReturn:
        """Tell the run's owner of each call of an environment that takes unusually long, once, until cancelled."""
        told = ""
        while True:
            await asyncio.sleep(_LOOK_S)
            call = self._calls.oldest()
            if call is not None and call.age_s >= _HANG_S and str(call) != told:
                told = str(call)
                telemetry.tell_owner(call.describe_wait())

    async def close(self) -> None:
        """Close the environments, unless a rollout is in progress that does not end within a second: nobody wants it."""
        self._thread.shutdown(wait=False, cancel_futures=False)
        if self._gatherer is None:
            return
        closing = asyncio.ensure_future(asyncio.to_thread(self._close_when_idle, self._gatherer))
        await asyncio.wait({closing}, timeout=_CLOSE_S)
        if not closing.done():
            call = self._calls.oldest()
            _log.warning(
                "environments_left_open", detail="a rollout does not end" if call is None else str(call)
            )

    def _close_when_idle(self, gatherer: Gatherer) -> None:
        self._thread.shutdown(wait=True)
        gatherer.close()

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
                    elif kind == "policy" and self._gatherer is not None:
                        policy = response.policy
                        self._gatherer.add_policy(policy.policy_version, policy.weights)
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
        if self._gatherer is None or run_id != self._run_id:
            if self._gatherer is not None:
                self._gatherer.close()
            self._num_rollouts = 0
            self._gatherer = await self._unless_it_fails(self._start, welcome)
            self._num_begun += 1
            self._run_id = run_id
        _log.info("joined", run_id=run_id, env_steps=welcome.env_steps)
        return welcome.rollout_steps

    def _start(self, welcome: learner_pb2.CollectWelcome) -> Gatherer:
        """Start the environments of a run."""
        # Those that begin anew in this life name their segments differently.
        life = f"-{self._num_begun}" if self._num_begun else ""
        return Gatherer(
            self._task,
            incarnation=f"{self._incarnation}{life}",
            seed=seed_sequence(
                seed=welcome.seed, simulator_id=self._simulator_id, env_steps=welcome.env_steps
            ),
            num_environments=self._num_environments,
            num_threads=self._num_threads,
            precision=self._precision,
            is_staggered=self._is_staggered,
            num_segments_per_episode=self._num_segments_per_episode,
            calls=self._calls,
        )

    async def _gather(self, policy_version: int, num_steps: int) -> Gathered:
        """Gathers a rollout and offers its segments."""
        assert self._gatherer is not None
        sequence, self._sequence = self._sequence, self._sequence + 1
        gathered: Gathered = await self._unless_it_fails(
            lambda gatherer: gatherer.gather(
                sequence=sequence, policy_version=policy_version, num_steps=num_steps
            ),
            self._gatherer,
        )
        self._num_rollouts += 1
        rollout = gathered.rollout
        _NUM_ENV_STEPS.inc(rollout.num_steps)
        env_steps = self.statistics.env_steps + rollout.num_steps
        self.statistics = Statistics(gathered.recent_scores, env_steps)
        self._add_offer(gathered.offer, self._run_id)
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

    async def _unless_it_fails(self, function: Callable[[Any], Any], argument: Any) -> Any:
        """Run what calls environments; one that fails once in a long while begins anew, with all beside it.

        Raises:
            EnvironmentFailedError: One failed. Within the first rollout since they were begun it would fail again, so
                nobody should try again; later they are begun anew when the learner is dialled again.
        """
        try:
            return await self._on_thread(function, argument)
        except EnvironmentFailedError as error:
            _NUM_FAILURES.inc()
            _log.error("environment_failed", detail=str(error), num_rollouts=self._num_rollouts)
            if self._num_rollouts == 0:
                raise
            gatherer, self._gatherer, self._run_id = self._gatherer, None, ""
            if gatherer is not None:
                await self._on_thread(_close, gatherer)
            raise error.again() from None

    async def _on_thread(self, function: Callable[[Any], Any], argument: Any) -> Any:
        """Runs on the gathering thread, where all of a gatherer's work is done."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, argument)


def _close(gatherer: Gatherer) -> None:
    """Close environments one of which has failed; that it can't be closed then is only logged."""
    try:
        gatherer.close()
    except EnvironmentFailedError as error:
        _log.warning("environment_not_closed", detail=str(error))
