"""One simulator's work on one run: its environments, its episodes, the newest policies it was sent."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from services.simulator.environments import open_environment, steps_already_taken
from services.simulator.episodes.scores import EpisodeScore
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import gather
from services.simulator.segments.batch_recorder import EpisodeRecorder
from services.simulator.segments.offers import Offer
from somersault.domain.arrays import FloatArray, FrameArray
from somersault.domain.trajectory import Rollout
from somersault.errors import InvalidInputError
from somersault.runtime.call_record import CallRecord
from somersault.runtime.precision import Precision
from somersault.tasks import Task

__all__ = ["Gathered", "Gatherer", "seed_sequence"]

_MAX_POLICIES = 8  # assignments name the newest policy or, at most, the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Holds all that came of one assignment."""

    rollout: Rollout
    """For the learner."""
    true_rewards: FloatArray
    """``[T, N]`` float32, for reference runs alone."""
    offer: Offer
    """For the reward service."""
    recent_scores: tuple[EpisodeScore, ...]
    """For people."""


class Gatherer:
    """Gathers rollouts, one after the other; not thread-safe.

    Belongs to a run, not to a connection: a learner that comes back finds the environments where
    they were.
    """

    def __init__(
        self,
        task: Task,
        *,
        incarnation: str,
        seed: np.random.SeedSequence,
        num_environments: int,
        num_threads: int,
        precision: Precision = "float32",
        is_staggered: bool,
        num_segments_per_episode: int,
        calls: CallRecord | None = None,
    ) -> None:
        """Starts the environments; see `open_environment` and `EpisodeRecorder`."""
        starts, self._noise_rng, cuts = map(np.random.default_rng, seed.spawn(3))
        self._task = task
        self._num_threads = num_threads
        self._precision: Precision = precision
        self._history: FrameArray | None = None
        self._environment = open_environment(
            task,
            num_environments=num_environments,
            rng=starts,
            is_staggered=is_staggered,
            calls=calls,
        )
        self._recorder = EpisodeRecorder(
            task,
            incarnation=incarnation,
            elapsed_steps=steps_already_taken(task, num_environments, is_staggered=is_staggered),
            filmed_rows=self._environment.filmed_rows,
            rng=cuts,
            num_segments_per_episode=num_segments_per_episode,
        )
        self._policies: OrderedDict[int, Policy] = OrderedDict()

    def add_policy(self, policy_version: int, weights: bytes) -> None:
        """Keeps a policy for assignments to come.

        Raises:
            InvalidInputError: It is not a policy for this task.
        """
        self._policies[policy_version] = Policy.from_bytes(
            weights, spec=self._task.spec, precision=self._precision
        )
        while len(self._policies) > _MAX_POLICIES:
            self._policies.popitem(last=False)

    def gather(self, *, sequence: int, policy_version: int, num_steps: int) -> Gathered:
        """Gathers one rollout.

        Raises:
            InvalidInputError: No such policy was added, or too many newer ones were.
        """
        policy = self._policies.get(policy_version)
        if policy is None:
            known = f"one of those sent: {list(self._policies)}"
            raise InvalidInputError("assignment.policy_version", policy_version, known)
        rollout, trace = gather(
            self._environment,
            policy,
            sequence=sequence,
            policy_version=policy_version,
            num_steps=num_steps,
            rng=self._noise_rng,
            history=self._history,
            num_threads=self._num_threads,
        )
        self._history = trace.history
        offer = self._recorder.record(trace)
        return Gathered(
            rollout=rollout,
            true_rewards=trace.passage.true_rewards,
            offer=offer,
            recent_scores=self._recorder.recent_scores,
        )

    def close(self) -> None:
        """Ends the environments' threads."""
        self._environment.close()


def seed_sequence(*, seed: int, simulator_id: str, env_steps: int) -> np.random.SeedSequence:
    """Gives what a simulator's generators come of.

    Args:
        seed: The run's.
        simulator_id: Sets simulators of a run apart.
        env_steps: The run's when the simulator joined; sets its lives apart, so that one that
            comes back does not gather again what it has gathered.
    """
    return np.random.SeedSequence([seed, zlib.crc32(simulator_id.encode()), env_steps])
