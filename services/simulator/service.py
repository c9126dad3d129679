"""The simulator's rpcs: rendering a stored segment, measuring a policy, statistics of episodes."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from typing import Any

import grpc.aio
import numpy as np

from services.simulator.clips.clip_renderer import ClipRenderer
from services.simulator.episodes.evaluation import Evaluation, evaluate
from services.simulator.episodes.scores import EpisodeScore
from services.simulator.own_run import EPISODE_PREFIX, OwnRun
from services.simulator.policy import Policy
from services.simulator.rollouts.gatherer_thread import GathererThread
from services.simulator.segments.storage import store_segment
from services.simulator.turns import Turns
from somersault.domain.trajectory import StoredSegment
from somersault.errors import InvalidInputError
from somersault.storage import STORE_THREADS, ObjectStore
from somersault.tasks import MAX_EPISODE_STEPS, Task
from somersault.v1 import simulator_pb2, simulator_pb2_grpc
from somersault.wire import array_from_tensor, stored_segment_to_message

__all__ = ["SimulatorServicer"]

_MAX_EPISODES = 1024  # as Evaluate says
_MAX_POLICY_BYTES = 16 << 20  # as Evaluate says

Context = grpc.aio.ServicerContext[Any, Any]


class SimulatorServicer(simulator_pb2_grpc.SimulatorServiceServicer):
    """Serves SimulatorService."""

    def __init__(
        self,
        task: Task,
        *,
        own_run: OwnRun,
        incarnation: str,
        store: ObjectStore,
        renderer: ClipRenderer,
        gatherer: GathererThread | None,
        num_threads: int,
    ) -> None:
        """Take the parts it translates for; without a gatherer there are no statistics."""
        self._task = task
        self._own_run = own_run
        self._incarnation = incarnation
        self._store = store
        self._renderer = renderer
        self._gatherer = gatherer
        self._num_threads = num_threads
        # Of two callers at once, so that one that measures for an hour keeps no other waiting.
        self._turns = Turns("evaluations", max_calls=8, max_bytes=4 * _MAX_POLICY_BYTES, num_at_once=2)

    async def Render(
        self, request: simulator_pb2.RenderRequest, context: Context
    ) -> simulator_pb2.RenderResponse:
        """Render a stored segment and store the clip."""
        predicted_rewards = None
        if request.HasField("predicted_rewards"):
            predicted_rewards = array_from_tensor(
                "predicted_rewards", request.predicted_rewards, shape=(None,)
            )
        stored, num_frames = await self._renderer.render(
            caller=context.peer(),
            segment_uri=request.segment_uri,
            clip_uri=request.clip_uri,
            predicted_rewards=predicted_rewards,
            size_px=request.size_px,
        )
        return simulator_pb2.RenderResponse(
            clip_uri=stored.key,
            clip_sha256=stored.sha256,
            size_bytes=stored.size_bytes,
            num_frames=num_frames,
        )

    async def Evaluate(
        self, request: simulator_pb2.EvaluateRequest, context: Context
    ) -> simulator_pb2.EvaluateResponse:
        """Measure a policy in fresh episodes, when it is the caller's turn."""
        if len(request.policy) > _MAX_POLICY_BYTES:
            raise InvalidInputError("bytes of policy", len(request.policy), f"at most {_MAX_POLICY_BYTES}")
        _check_count("num_episodes", request.num_episodes, least=1)
        _check_count("num_stored_episodes", request.num_stored_episodes, least=0)
        if request.seed < 0:
            raise InvalidInputError("seed", request.seed, "at least 0")
        if not 0 <= request.episode_steps <= MAX_EPISODE_STEPS:
            bound = f"1 to {MAX_EPISODE_STEPS}, or 0 for the task's own"
            raise InvalidInputError("episode_steps", request.episode_steps, bound)
        if request.num_stored_episodes:
            self._own_run.check("run_id", request.run_id)
        async with self._turns.turn(context.peer(), num_bytes=len(request.policy)):
            evaluation = await self._run_to_end(request)
            stored = await STORE_THREADS.run(self._store_best, evaluation, request.run_id)
        return simulator_pb2.EvaluateResponse(
            episodes=map(_score_to_message, evaluation.scores),
            stored_episodes=map(stored_segment_to_message, stored),
        )

    async def GetEpisodeStatistics(
        self, request: simulator_pb2.GetEpisodeStatisticsRequest, context: Context
    ) -> simulator_pb2.GetEpisodeStatisticsResponse:
        """Return means over the newest episodes."""
        response = simulator_pb2.GetEpisodeStatisticsResponse(
            incarnation=self._incarnation,
            task=self._task.name,
            has_teacher=self._task.teacher is not None,
        )
        if self._gatherer is None:
            return response
        statistics = self._gatherer.statistics
        response.env_steps = statistics.env_steps
        scores = statistics.recent_scores
        if scores:
            response.num_episodes = len(scores)
            response.true_return_mean = float(np.mean([score.true_return for score in scores]))
            response.flips_mean = float(np.mean([score.flips for score in scores]))
            response.landed_flips_mean = float(np.mean([score.landed_flips for score in scores]))
        return response

    async def _run_to_end(self, request: simulator_pb2.EvaluateRequest) -> Evaluation:
        """Run the episodes; a call that is cancelled keeps its turn until its thread has stopped."""
        is_unwanted = threading.Event()
        running = asyncio.create_task(asyncio.to_thread(self._evaluate, request, is_unwanted))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            is_unwanted.set()
            await asyncio.wait([running])
            raise

    def _evaluate(self, request: simulator_pb2.EvaluateRequest, is_unwanted: threading.Event) -> Evaluation:
        """Run the episodes, named by policy, seed and environment so that none overwrites another."""
        policy = Policy.from_bytes(request.policy, spec=self._task.spec)
        digest = hashlib.sha256(request.policy).hexdigest()[:12]
        return evaluate(
            policy,
            self._task.with_episodes_of(request.episode_steps) if request.episode_steps else self._task,
            num_episodes=request.num_episodes,
            seed=request.seed,
            is_stochastic=request.is_stochastic,
            num_kept_episodes=request.num_stored_episodes,
            is_kept_whole=request.episode_steps > 0,
            name=_episode_name(digest, request),
            num_threads=self._num_threads,
            is_unwanted=is_unwanted.is_set,
        )

    def _store_best(self, evaluation: Evaluation, run_id: str) -> list[StoredSegment]:
        """Store the episodes that were kept."""
        return [
            store_segment(episode, task=self._task, store=self._store, run_id=run_id)
            for episode in evaluation.best_episodes
        ]


def _score_to_message(score: EpisodeScore) -> simulator_pb2.EpisodeResult:
    return simulator_pb2.EpisodeResult(
        true_return=score.true_return, flips=score.flips, landed_flips=score.landed_flips
    )


def _episode_name(digest: str, request: simulator_pb2.EvaluateRequest) -> str:
    """Return the prefix of the episodes' names: a different one for each policy, seed and length."""
    name = f"{EPISODE_PREFIX}{digest}-{request.seed}"
    return f"{name}-{request.episode_steps}" if request.episode_steps else name


def _check_count(field: str, value: int, *, least: int) -> None:
    if not least <= value <= _MAX_EPISODES:
        raise InvalidInputError(field, value, f"{least} to {_MAX_EPISODES}")
