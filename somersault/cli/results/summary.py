"""What a run leaves behind: its final policy measured, its best episode as a video, and the summary.

Shapes: K ensemble members, T steps in an episode.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy

from somersault.cli.monitoring.progress import RunProgress
from somersault.cli.results.headline import headline, set_beside
from somersault.cli.run.config import RunConfig
from somersault.cli.services.connections import Peers
from somersault.domain.arrays import FloatArray
from somersault.domain.frames import observations_of
from somersault.errors import CorruptDataError
from somersault.rpc import call
from somersault.storage import ObjectStore
from somersault.tasks import Task, get_task
from somersault.v1 import labeler_pb2, learner_pb2, reward_pb2, reward_pb2_grpc, simulator_pb2
from somersault.wire import array_from_tensor, tensor_from_array

__all__ = [
    "CALL_TIMEOUT_S",
    "EVALUATE_TIMEOUT_S",
    "IS_STOCHASTIC",
    "RETRY_FOR_S",
    "Evaluation",
    "draw_best_episode",
    "evaluate_policy",
    "predict_rewards",
    "result_of",
    "standardised_mean",
    "summarise",
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
    best_segment_uri: str
    """Key of the best episode's states, observations and actions."""


async def evaluate_policy(peers: Peers, config: RunConfig) -> Evaluation:
    """Run fresh episodes under the newest policy and store the best one.

    Raises:
        SomersaultError: the learner or the simulator refused or was unavailable for too long.
    """
    policy: learner_pb2.Policy = await call(
        peers.learner.GetPolicy,
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
        peers.simulator.Evaluate, request, timeout_s=EVALUATE_TIMEOUT_S, retry_for_s=RETRY_FOR_S
    )
    if not response.episodes or not response.stored_episodes:
        raise CorruptDataError("simulator evaluated the policy but returned no episode")
    return Evaluation(
        policy_version=policy.policy_version,
        episodes=tuple(response.episodes),
        best_segment_uri=response.stored_episodes[0].segment_uri,
    )


async def draw_best_episode(
    peers: Peers, store: ObjectStore, *, config: RunConfig, evaluation: Evaluation
) -> bytes:
    """Return the video of the best episode, with a bar of the predicted reward if there is a reward model.

    Raises:
        SomersaultError: a service or the store refused or was unavailable for too long.
    """
    clip_uri = f"{config.run_id}/clips/policy-{evaluation.policy_version:08d}.mp4"
    request = simulator_pb2.RenderRequest(segment_uri=evaluation.best_segment_uri, clip_uri=clip_uri)
    if peers.reward is not None:
        rewards = await predict_rewards(
            peers.reward,
            store,
            segment_uri=evaluation.best_segment_uri,
            num_frames=get_task(config.task).num_frames,
        )
        if rewards is not None:
            request.predicted_rewards.CopyFrom(tensor_from_array(rewards))
    response: simulator_pb2.RenderResponse = await call(
        peers.simulator.Render, request, timeout_s=CALL_TIMEOUT_S, retry_for_s=RETRY_FOR_S
    )
    return await asyncio.to_thread(store.get, response.clip_uri, expect_sha256=response.clip_sha256)


async def predict_rewards(
    reward: reward_pb2_grpc.RewardServiceAsyncStub, store: ObjectStore, *, segment_uri: str, num_frames: int
) -> FloatArray | None:
    """Return the predicted rewards of a stored episode, ``[T]`` float32; None before the first reward version.

    Raises:
        SomersaultError: the service or the store refused or was unavailable for too long.
    """
    data = await asyncio.to_thread(store.get, segment_uri)
    try:
        arrays = safetensors.numpy.load(data)
        frames, actions = arrays["observations"], arrays["actions"]
    except (safetensors.SafetensorError, KeyError) as error:
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


def summarise(
    config: RunConfig,
    progress: RunProgress,
    evaluation: Evaluation,
    *,
    wall_s: float,
    num_restarts: int,
) -> dict[str, Any]:
    """Return ``summary.json`` without paths and addresses: what was learned, from how much, how fast."""
    episodes = evaluation.episodes
    flips = _mean([episode.flips for episode in episodes])
    why_nothing = None
    if not config.is_reference:
        why_nothing = progress.lessons.why_nothing(
            reward_version=progress.reward_version, is_early=progress.env_steps < config.total_env_steps
        )
    return {
        "task": get_task(config.task).name,
        "seed": config.seed,
        "precision": config.precision,
        "env_steps": progress.env_steps,
        "labels": progress.num_labels,
        "given_labels": config.num_given_labels,
        "label_budget": progress.label_budget,
        "unanswered": progress.num_open_queries,
        "lost_comparisons": progress.num_lost_comparisons,
        "nothing_learned_because": why_nothing,
        "wall_s": round(wall_s, 2),
        "env_steps_per_s": round(progress.env_steps / wall_s, 1) if wall_s > 0 else 0.0,
        "true_return_mean": _finite(_mean([episode.true_return for episode in episodes])),
        "reference_return_mean": get_task(config.task).reference_return_mean,
        "flips_per_episode": flips or None,  # where no torso turns, flips say nothing
        "landed_flips_per_episode": _mean([episode.landed_flips for episode in episodes]) if flips else None,
        "preference_accuracy": progress.preference_accuracy,
        "num_accuracy_preferences": progress.num_accuracy_preferences,
        "policy_versions": progress.policy_version,
        "reward_versions": progress.reward_version,
        "restarts": num_restarts,
        "settings": {"total_env_steps": config.total_env_steps, "label_budget": config.label_budget},
    }


def result_of(summary: Mapping[str, Any], *, task: Task) -> labeler_pb2.RunResult:
    """Return the result that labelers are shown, from a run's summary."""
    return labeler_pb2.RunResult(
        env_steps=summary["env_steps"],
        num_labels=summary["labels"],
        headline=headline(task, summary),
        true_return_mean=summary["true_return_mean"] if task.teacher is not None else None,
    )


def describe(summary: Mapping[str, Any], *, task: Task) -> str:
    """Return the summary as one sentence: how much was done and what the final policy reaches."""
    parts = [f"{summary['env_steps']:,} steps in {summary['wall_s']:.0f} s"]
    labels, budget = summary["labels"], summary["label_budget"]
    if budget:
        given = summary.get("given_labels")
        of_them = f" ({given} of them given)" if given else ""
        parts.append((f"{labels} labels" if labels >= budget else f"{labels} of {budget} labels") + of_them)
    if task.teacher is not None:
        parts.append(f"the final policy's true return {set_beside(task, summary['true_return_mean'])}")
    if summary["flips_per_episode"]:
        landed = summary["landed_flips_per_episode"]
        parts.append(f"{summary['flips_per_episode']:.2f} flips an episode ({landed:.2f} landed)")
    if lost := summary.get("lost_comparisons", 0):
        parts.append(f"{lost} of the answers could not be learned from: the segments they compare are gone")
    if summary.get("nothing_learned_because"):
        parts.append(f"nothing was learned: {summary['nothing_learned_because']}")
    return ", ".join(parts)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
