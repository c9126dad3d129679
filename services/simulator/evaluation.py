"""Measures a policy by the true reward, in fresh episodes of its own.

Shapes: N episodes, E steps of an episode.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.simulator.environment import MujocoBatch
from services.simulator.episodes import EpisodeScore, score_episode
from services.simulator.policy import Policy
from services.simulator.rollout import Trace, gather
from services.simulator.segments import RecordedSegment
from services.simulator.true_rewards import true_reward_of
from somersault.tasks import Task
from somersault.types import FloatArray, Segment

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Holds how each episode went."""

    scores: tuple[EpisodeScore, ...]
    """One an episode."""
    best_episodes: tuple[RecordedSegment, ...]
    """Whole episodes as segments, best true return first."""


def evaluate(
    policy: Policy,
    task: Task,
    *,
    num_episodes: int,
    seed: int,
    is_stochastic: bool = False,
    num_kept_episodes: int = 1,
    name: str = "episode",
    num_threads: int = 1,
) -> Evaluation:
    """Runs episodes side by side; the same arguments give the same result.

    Args:
        policy: Acts.
        task: What is simulated.
        num_episodes: N.
        seed: Seeds starts and action noise.
        is_stochastic: Whether actions are drawn; else the mean is taken.
        num_kept_episodes: How many of the best episodes are kept whole.
        name: Begins the names of the kept episodes.
        num_threads: Threads for the physics.
    """
    rng = np.random.default_rng(seed)
    environment = MujocoBatch(task, num_environments=num_episodes, num_threads=num_threads, rng=rng)
    try:
        _, trace = gather(
            environment,
            policy,
            sequence=0,
            policy_version=0,
            num_steps=task.episode_steps,
            rng=rng,
            is_stochastic=is_stochastic,
        )
    finally:
        environment.close()
    true_rewards = true_reward_of(task)(trace.observations, trace.actions)
    episodes = [
        _whole_episode(trace, true_rewards, row=row, segment_id=f"{name}-{row:04d}")
        for row in range(num_episodes)
    ]
    scores = tuple(score_episode(episode.states, episode.true_rewards) for episode in episodes)
    by_return = sorted(range(num_episodes), key=lambda row: -scores[row].true_return)
    return Evaluation(scores, tuple(episodes[row] for row in by_return[:num_kept_episodes]))


def _whole_episode(trace: Trace, true_rewards: FloatArray, *, row: int, segment_id: str) -> RecordedSegment:
    """Gives one environment's episode; all end with the last step, so final states are by row."""
    segment = Segment(
        segment_id=segment_id,
        observations=trace.observations[:, row],
        actions=trace.actions[:, row],
        rollout_sequence=trace.sequence,
        policy_version=trace.policy_version,
    )
    states = np.concatenate((trace.states[:, row], trace.final_states[row : row + 1]))
    returns = true_rewards.sum(axis=0, dtype=np.float64)
    return RecordedSegment(
        segment=segment,
        states=states,
        true_rewards=true_rewards[:, row].copy(),
        recent_return_mean=float(returns.mean()),
        recent_return_std=float(returns.std()),
    )
