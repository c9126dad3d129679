"""Films the policy at every tenth of a run and at its end, so that labelers see what they taught."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from somersault.cli.monitoring.watcher import ProgressWatcher
from somersault.cli.results.evaluation import (
    CALL_TIMEOUT_S,
    EVALUATE_TIMEOUT_S,
    IS_STOCHASTIC,
    RETRY_FOR_S,
    predict_rewards,
)
from somersault.cli.run.config import RunConfig
from somersault.cli.services.connections import ServiceStubs
from somersault.domain.keys import policy_clip_key
from somersault.errors import NotFoundError, SomersaultError
from somersault.rpc import call
from somersault.storage import ObjectStore
from somersault.tasks import Task, get_task
from somersault.v1 import labeler_pb2, labeler_pb2_grpc, learner_pb2, simulator_pb2
from somersault.wire import stored_segment_from_message

__all__ = ["PolicyClips"]

NUM_PARTS = 10
"""A run is divided into this many parts; each begins with a clip."""

_POLL_S = 1.0
_RETRY_S = 10.0
_LONGEST_S = 10.0  # of play: enough to see what it does, and far below the 16 MiB that a clip may have
_NUM_FINAL_EPISODES = 4  # of which the best is shown; before, one, so that what is shown is what to expect
_SEED = 0xC11B  # keeps it apart from everything else that the run's seed begets


@dataclass(frozen=True, slots=True)
class PolicyClips:
    """Films the policy of one run. Neither the learner nor the rollouts are affected."""

    stubs: ServiceStubs
    labeler: labeler_pb2_grpc.LabelerServiceAsyncStub
    store: ObjectStore
    config: RunConfig
    say: Callable[[str], None]
    show: Callable[[bytes, int], None] = lambda _clip, _env_steps: None
    """Called with each clip, as an mp4, and its step; for the curves."""

    async def follow(self, watcher: ProgressWatcher) -> None:
        """Film at each tenth that has no clip yet, until cancelled.

        A clip that fails is tried again; if it can never be made, the next tenth is filmed instead.

        Raises:
            SomersaultError: the labeler permanently refuses to list the clips.
        """
        filmed: set[int] | None = None
        last_problem = ""
        while True:
            try:
                if filmed is None:
                    filmed = {self._part(clip.env_steps) for clip in await self._list()}
                progress = watcher.snapshot()
                part = self._part(progress.env_steps)
                if progress.has_learner and part not in filmed and not progress.is_finished:
                    await self._film(env_steps=progress.env_steps, num_episodes=1)
                    filmed.add(part)
            except SomersaultError as error:
                if filmed is None and error.is_hopeless:
                    raise
                is_early = filmed is None and isinstance(
                    error, NotFoundError
                )  # nobody made the run known yet
                if filmed is not None and error.is_hopeless:
                    filmed.add(self._part(watcher.snapshot().env_steps))
                if str(error) != last_problem and not is_early:
                    last_problem = str(error)
                    then = "the run goes on" if error.is_hopeless else "it is tried again"
                    self.say(f"the policy's clip could not be made, {then}: {error}")
                await asyncio.sleep(_RETRY_S)
            await asyncio.sleep(_POLL_S)

    async def film_final(self, *, env_steps: int) -> None:
        """Film the run's final policy.

        Raises:
            SomersaultError: a service or the store refused or was unavailable for too long.
        """
        await self._film(env_steps=env_steps, num_episodes=_NUM_FINAL_EPISODES, is_final=True)

    def _part(self, env_steps: int) -> int:
        """Return the tenth of the run that a step is in, 0 to 9."""
        return min(NUM_PARTS - 1, NUM_PARTS * env_steps // max(1, self.config.total_env_steps))

    async def _list(self) -> list[labeler_pb2.PolicyClip]:
        """Return the clips of earlier lives of the run."""
        response: labeler_pb2.ListPolicyClipsResponse = await call(
            self.labeler.ListPolicyClips,
            labeler_pb2.ListPolicyClipsRequest(run_id=self.config.run_id),
            timeout_s=CALL_TIMEOUT_S,
        )
        return list(response.clips)

    async def _film(self, *, env_steps: int, num_episodes: int, is_final: bool = False) -> None:
        policy: learner_pb2.Policy = await call(
            self.stubs.learner.GetPolicy,
            learner_pb2.GetPolicyRequest(),
            timeout_s=CALL_TIMEOUT_S,
            retry_for_s=RETRY_FOR_S,
        )
        evaluation = await self._evaluate(policy, num_episodes=num_episodes)
        episode = stored_segment_from_message(evaluation.stored_episodes[0], run_id=self.config.run_id)
        clip_uri = policy_clip_key(self.config.run_id, policy.policy_version)
        rendered: simulator_pb2.RenderResponse = await call(
            self.stubs.simulator.Render,
            simulator_pb2.RenderRequest(segment_uri=episode.segment_uri, clip_uri=clip_uri),
            timeout_s=CALL_TIMEOUT_S,
            retry_for_s=RETRY_FOR_S,
        )
        clip = labeler_pb2.PolicyClip(
            policy_version=policy.policy_version,
            env_steps=env_steps,
            clip_sha256=rendered.clip_sha256,
            duration_s=episode.duration_s,
            is_final=is_final,
            predicted_rewards=await self._predict(episode.segment_uri),
        )
        if get_task(self.config.task).teacher is not None:
            clip.true_return = max(one.true_return for one in evaluation.episodes)
        await call(
            self.labeler.AddPolicyClip,
            labeler_pb2.AddPolicyClipRequest(run_id=self.config.run_id, clip=clip, clip_uri=clip_uri),
            timeout_s=CALL_TIMEOUT_S,
            retry_for_s=RETRY_FOR_S,
        )
        if not is_final:  # the end has a longer video
            self.show(
                await asyncio.to_thread(self.store.get, clip_uri, expect_sha256=rendered.clip_sha256),
                env_steps,
            )

    async def _evaluate(
        self, policy: learner_pb2.Policy, *, num_episodes: int
    ) -> simulator_pb2.EvaluateResponse:
        request = simulator_pb2.EvaluateRequest(
            policy=policy.weights,
            num_episodes=num_episodes,
            seed=_seed(self.config.seed, policy.policy_version),
            is_stochastic=IS_STOCHASTIC,
            num_stored_episodes=1,
            run_id=self.config.run_id,
            episode_steps=clip_steps(get_task(self.config.task)),
        )
        response: simulator_pb2.EvaluateResponse = await call(
            self.stubs.simulator.Evaluate, request, timeout_s=EVALUATE_TIMEOUT_S, retry_for_s=RETRY_FOR_S
        )
        return response

    async def _predict(self, segment_uri: str) -> list[float]:
        """Return the predicted reward of each step; empty before the first reward version."""
        if self.stubs.reward is None:
            return []
        rewards = await predict_rewards(
            self.stubs.reward,
            self.store,
            segment_uri=segment_uri,
            num_frames=get_task(self.config.task).num_frames,
        )
        return [] if rewards is None else rewards.tolist()


def clip_steps(task: Task) -> int:
    """Return the steps that a clip shows: an episode, capped at a watchable length."""
    return min(task.episode_steps, math.ceil(_LONGEST_S / task.step_s))


def _seed(seed: int, policy_version: int) -> int:
    """Return the seed of a clip's episodes, derived from the run's seed and the policy version."""
    return int(np.random.SeedSequence([seed, policy_version, _SEED]).generate_state(1)[0])
