"""The final policy of a run, measured in fresh episodes, and its best episode as a video.

Shapes: K ensemble members, T steps in an episode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from somersault.cli.run.config import RunConfig
from somersault.cli.services.connections import ServiceStubs
from somersault.domain.arrays import FloatArray
from somersault.domain.frames import observations_of
from somersault.domain.keys import segment_key, video_key
from somersault.domain.texts import check_name
from somersault.errors import CorruptDataError
from somersault.formats.safetensors import load_arrays
from somersault.rpc import call
from somersault.storage import ObjectStore
from somersault.tasks import get_task
from somersault.v1 import learner_pb2, reward_pb2, reward_pb2_grpc, simulator_pb2
from somersault.wire import array_from_tensor, tensor_from_array

__all__ = [
    "CALL_TIMEOUT_S",
    "EVALUATE_TIMEOUT_S",
    "IS_STOCHASTIC",
    "RETRY_FOR_S",
    "Evaluation",
    "draw_best_episode",
    "evaluate_policy",
    "evaluation_seed",
    "predict_rewards",
    "standardised_mean",
]

IS_STOCHASTIC = True  # as it was learned: the mean action alone is another policy, better on some seeds and worse on others
RETRY_FOR_S = 60.0  # a service that is being restarted is back well before
EVALUATE_TIMEOUT_S = 600.0
CALL_TIMEOUT_S = 120.0
SCORED_AT_ONCE = 512  # steps in a message: 14 MB where observations are four pictures

_SEED_OF_EVALUATION = 0x5CA1E  # keeps it apart from everything else that the run's seed begets
_LEAST_STD = 1e-6


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Fresh episodes under the final policy."""

    policy_version: int
    episodes: Sequence[simulator_pb2.EpisodeResult]
    best_segment_id: str
    """Key of the best episode's states, observations and actions."""


async def evaluate_policy(stubs: ServiceStubs, config: RunConfig) -> Evaluation:
    """Run fresh episodes under the newest policy and store the best one.

    Raises:
        SomersaultError: the learner or the simulator refused or was unavailable for too long.
    """
    policy: learner_pb2.Policy = await call(
        stubs.learner.GetPolicy,
        learner_pb2.GetPolicyRequest(),
        timeout_s=CALL_TIMEOUT_S,
        retry_for_s=RETRY_FOR_S,
    )
    request = simulator_pb2.EvaluateRequest(
        policy=policy.weights,
        num_episodes=get_task(config.task).defaults.evaluation_episodes,
        seed=evaluation_seed(config.seed),
        is_stochastic=IS_STOCHASTIC,
        num_stored_episodes=1,
        run_id=config.run_id,
    )
    response: simulator_pb2.EvaluateResponse = await call(
        stubs.simulator.Evaluate, request, timeout_s=EVALUATE_TIMEOUT_S, retry_for_s=RETRY_FOR_S
    )
    if not response.episodes or not response.stored_episodes:
        raise CorruptDataError("simulator evaluated the policy but returned no episode")
    return Evaluation(
        policy_version=policy.policy_version,
        episodes=tuple(response.episodes),
        best_segment_id=check_name("segment_id", response.stored_episodes[0].segment_id),
    )


async def draw_best_episode(
    stubs: ServiceStubs, store: ObjectStore, *, config: RunConfig, evaluation: Evaluation
) -> bytes:
    """Return the video of the best episode, with a bar of the predicted reward if there is a reward model.

    Raises:
        SomersaultError: a service or the store refused or was unavailable for too long.
    """
    request = simulator_pb2.RenderRequest(segment_uri=segment_key(config.run_id, evaluation.best_segment_id))
    if stubs.reward is not None:
        rewards = await predict_rewards(
            stubs.reward,
            store,
            segment_uri=request.segment_uri,
            num_frames=get_task(config.task).num_frames,
        )
        if rewards is not None:
            request.predicted_rewards.CopyFrom(tensor_from_array(rewards))
    request.clip_uri = video_key(
        config.run_id, evaluation.best_segment_id, has_bar=request.HasField("predicted_rewards")
    )
    response: simulator_pb2.RenderResponse = await call(
        stubs.simulator.Render, request, timeout_s=CALL_TIMEOUT_S, retry_for_s=RETRY_FOR_S
    )
    return await asyncio.to_thread(store.get, request.clip_uri, expect_sha256=response.clip_sha256)


async def predict_rewards(
    reward: reward_pb2_grpc.RewardServiceAsyncStub, store: ObjectStore, *, segment_uri: str, num_frames: int
) -> FloatArray | None:
    """Return the predicted rewards of a stored episode, ``[T]`` float32; None before the first reward version.

    Raises:
        SomersaultError: the service or the store refused or was unavailable for too long.
    """
    data = await asyncio.to_thread(store.get, segment_uri)
    try:
        arrays = load_arrays(data, what="stored episode")
        frames, actions = arrays["observations"], arrays["actions"]
    except (CorruptDataError, KeyError) as error:
        raise CorruptDataError(f"stored episode {segment_uri} can't be read: {error}") from error
    observations = observations_of(frames, num_frames=num_frames)
    members = []
    for start in range(0, len(observations), SCORED_AT_ONCE):
        here = slice(start, start + SCORED_AT_ONCE)
        request = reward_pb2.ScoreRequest(
            observations=tensor_from_array(observations[here]), actions=tensor_from_array(actions[here])
        )
        response: reward_pb2.ScoreResponse = await call(
            reward.Score, request, timeout_s=CALL_TIMEOUT_S, retry_for_s=RETRY_FOR_S
        )
        if response.reward_version == 0:
            return None
        num_steps = len(observations[here])
        members.append(array_from_tensor("members", response.members, shape=(None, num_steps)))
    return standardised_mean(np.concatenate(members, axis=1))


def standardised_mean(members: FloatArray) -> FloatArray:
    """Return the mean over members, each standardised over the episode first.

    Bradley-Terry leaves each member's offset and scale free, so raw predictions can't be averaged
    (Christiano et al. 2017, section 2.2.1: each predictor is normalised, then averaged).

    Args:
        members: ``[K, T]`` float32.

    Returns:
        ``[T]`` float32.
    """
    mean_K1 = members.mean(axis=1, keepdims=True)  # noqa: N806
    std_K1 = np.maximum(members.std(axis=1, keepdims=True), _LEAST_STD)  # noqa: N806
    return np.asarray(((members - mean_K1) / std_K1).mean(axis=0), dtype=np.float32)


def evaluation_seed(seed: int) -> int:
    """Return the seed of a run's evaluation, derived from the run's seed and different from it."""
    return int(np.random.SeedSequence([seed, _SEED_OF_EVALUATION]).generate_state(1)[0])
