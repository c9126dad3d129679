"""The same learner, predictor and physics in one process, without gRPC: the peer of the services.

    python -m benchmarks.peers.one_process [--seed N] [--steps N] [--labels N] [--threads N]

Lockstep and lag one, as the services: rollout k is gathered under policy k - 1. The teacher's rule is that
of the oracle with an "equal" margin, on true returns at hand.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch

from services.learner.algorithms.ppo.config import PPOConfig
from services.learner.algorithms.ppo.ppo import PPO
from services.learner.rewards.normaliser import normalise_rewards
from services.reward.feedback.comparisons import Comparisons
from services.reward.monitoring.preference_accuracy import PreferenceAccuracy
from services.reward.pacing.label_schedule import LabelScheduleConfig, labels_due
from services.reward.queries.selection import choose_queries
from services.reward.segments.layout import SegmentLayout
from services.reward.segments.pool import SegmentPool
from services.reward.training.config import TrainerConfig
from services.reward.training.trainer import Trainer
from services.simulator.environments import open_environment, steps_already_taken
from services.simulator.episodes.evaluation import evaluate
from services.simulator.episodes.scores import EpisodeScore
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import gather
from services.simulator.segments.batch_recorder import BatchRecorder
from services.simulator.segments.recorded_segment import RecordedSegment
from somersault.domain.arrays import FloatArray
from somersault.domain.trajectory import Rollout
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.tasks import get_task

__all__ = ["OneProcessRun", "run"]

_TASK = get_task("hopper-backflip")
_NUM_ENVIRONMENTS = 64
_ROLLOUT_STEPS = 64
_POOL_CAPACITY = 1000
_COMPARISONS_CAPACITY = 3000
_MIN_POOL_SEGMENTS = 64
_EQUAL_MARGIN = 0.3
_LABELING_FRACTION = 2 / 3
_NUM_EVALUATION_EPISODES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class OneProcessRun:
    """What a run came to."""

    env_steps_per_s: float
    """From the first rollout to the last improvement."""
    wall_s: float
    num_labels: int
    num_equal: int
    """Of the labels, those that preferred neither side."""
    preference_accuracy: float | None
    """Share of the newest labels with a winner that the ensemble predicted before it learned them."""
    scores: tuple[EpisodeScore, ...]
    """Of the last policy, acting as it was trained; none where no evaluation was asked for."""


class _Rewards:
    """Stands for reward service, labeler and teacher: from segments to a trained ensemble."""

    def __init__(self, *, seed: int, total_env_steps: int, num_labels: int) -> None:
        layout = SegmentLayout(_TASK.spec)
        self.ensemble = RewardEnsemble(RewardModelConfig.for_task(_TASK.spec), seed=seed)
        self._trainer = Trainer(self.ensemble, TrainerConfig(), seed=seed)
        self._pool = SegmentPool(layout, capacity=_POOL_CAPACITY)
        self._comparisons = Comparisons(layout, capacity=_COMPARISONS_CAPACITY)
        self._schedule = LabelScheduleConfig(
            num_labels=num_labels, last_label_step=round(total_env_steps * _LABELING_FRACTION)
        )
        self.accuracy = PreferenceAccuracy()
        self.num_equal = 0
        self._seed = seed
        self._recent: dict[str, RecordedSegment] = {}

    @property
    def num_labels(self) -> int:
        return self._comparisons.num_added

    def settle(self, segments: list[RecordedSegment], *, env_steps: int) -> None:
        """Admits the segments of a rollout, then asks, answers and learns what is due."""
        for recorded in segments:
            segment = recorded.segment
            self._pool.add(segment.segment_id, segment.observations, segment.actions)
            self._recent[segment.segment_id] = recorded
        for segment_id in list(self._recent)[: -len(self._pool) or None]:
            del self._recent[segment_id]
        num_queries = labels_due(self._schedule, env_steps) - self.num_labels
        if len(self._pool) < _MIN_POOL_SEGMENTS or num_queries <= 0:
            return
        for pair in self._choose(num_queries):
            self._answer(pair)
        self._trainer.train_round(self._comparisons)

    def _choose(self, num_queries: int) -> np.ndarray:
        generator = np.random.default_rng((self._seed, self.num_labels))
        observations, actions = self._pool.take(np.arange(len(self._pool)))
        returns = self.ensemble.predict(observations, actions).sum(axis=-1)
        is_trained = self._trainer.num_rounds > 0
        return choose_queries(generator, returns, num_queries=num_queries, is_trained=is_trained)

    def _answer(self, pair: np.ndarray) -> None:
        left, right = (self._recent[self._pool.segment_ids[index]] for index in pair)
        difference = left.true_return - right.true_return
        scale = (left.recent_return_std + right.recent_return_std) / 2
        mu = 0.5 if abs(difference) < _EQUAL_MARGIN * scale else float(difference > 0)
        observations, actions = self._pool.take(pair)
        returns = self.ensemble.predict(observations, actions).sum(axis=-1)
        self.accuracy.record(returns[:, 0], returns[:, 1], mu=mu)
        self._comparisons.add(observations, actions, mu=mu)
        self.num_equal += mu == 0.5


class _Simulator:
    """Stands for the simulator: one batch of environments and what cuts segments from it."""

    def __init__(self, *, seed: int, num_threads: int) -> None:
        reset_rng, self._noise_rng, cut_rng = np.random.default_rng(seed).spawn(3)
        self._num_threads = num_threads
        self.environment = open_environment(
            _TASK,
            num_environments=_NUM_ENVIRONMENTS,
            rng=reset_rng,
            is_staggered=True,
        )
        self._recorder = BatchRecorder(
            _TASK,
            incarnation="one",
            elapsed_steps=steps_already_taken(_TASK, _NUM_ENVIRONMENTS, is_staggered=True),
            recorded_rows=self.environment.recorded_rows,
            rng=cut_rng,
        )

    def gather(self, policy: Policy, *, sequence: int) -> tuple[Rollout, list[RecordedSegment]]:
        """Gathers one rollout, and gives the segments that ended within it."""
        rollout, trace = gather(
            self.environment,
            policy,
            sequence=sequence,
            policy_version=max(sequence - 1, 0),
            num_steps=_ROLLOUT_STEPS,
            rng=self._noise_rng,
            num_threads=self._num_threads,
        )
        return rollout, list(self._recorder.record(trace).segments)


def run(
    *,
    seed: int,
    total_env_steps: int,
    num_labels: int,
    num_threads: int = 1,
    is_evaluated: bool = False,
) -> OneProcessRun:
    """Trains from preferences to the end and gives what came of it."""
    torch.set_num_threads(1)  # as the services: the networks are too small for more
    simulator = _Simulator(seed=seed, num_threads=num_threads)
    rewards = _Rewards(seed=seed, total_env_steps=total_env_steps, num_labels=num_labels)
    ppo = PPO(PPOConfig(), spec=_TASK.spec, seed=seed)
    acting, newest = (Policy(ppo.export_policy(), spec=_TASK.spec) for _ in range(2))
    env_steps, sequence, started = 0, 0, time.perf_counter()
    while env_steps < total_env_steps:
        rollout, segments = simulator.gather(acting, sequence=sequence)
        env_steps += rollout.num_steps
        sequence += 1
        rewards.settle(segments, env_steps=env_steps)
        _improve(ppo, rollout, rewards)
        acting, newest = newest, Policy(ppo.export_policy(), spec=_TASK.spec)
    wall_s = time.perf_counter() - started
    simulator.environment.close()
    return OneProcessRun(
        env_steps_per_s=env_steps / wall_s,
        wall_s=wall_s,
        num_labels=rewards.num_labels,
        num_equal=rewards.num_equal,
        preference_accuracy=rewards.accuracy.share_correct,
        scores=_score(newest, seed=seed) if is_evaluated else (),
    )


def _improve(ppo: PPO, rollout: Rollout, rewards: _Rewards) -> None:
    if not rewards.num_labels:
        ppo.observe(rollout.observations)
        return
    executed: FloatArray = np.clip(rollout.actions, np.float32(-1), np.float32(1))
    predictions = rewards.ensemble.predict(rollout.observations, executed)
    ppo.improve(rollout, normalise_rewards(predictions))


def _score(policy: Policy, *, seed: int) -> tuple[EpisodeScore, ...]:
    return evaluate(
        policy, _TASK, num_episodes=_NUM_EVALUATION_EPISODES, seed=seed, is_stochastic=True
    ).scores


def main() -> None:
    """Trains one seed and prints what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1_500_000)
    parser.add_argument("--labels", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    done = run(
        seed=arguments.seed,
        total_env_steps=arguments.steps,
        num_labels=arguments.labels,
        num_threads=arguments.threads,
        is_evaluated=True,
    )
    accuracy = "none" if done.preference_accuracy is None else f"{done.preference_accuracy:.2f}"
    print(
        f"seed {arguments.seed}: {fmean(score.flips for score in done.scores):.2f} flips"
        f" ({fmean(score.landed_flips for score in done.scores):.2f} landed),"
        f" true return {fmean(score.true_return for score in done.scores):,.0f};"
        f" {done.num_labels} labels ({done.num_equal} equal), accuracy {accuracy};"
        f" {done.wall_s:.0f} s, {done.env_steps_per_s:,.0f} steps/s"
    )


if __name__ == "__main__":
    main()
