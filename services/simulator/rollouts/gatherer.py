"""One run's environments, episode recorders and newest policies, from which a simulator gathers rollouts."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from services.simulator.environments import open_environment, steps_already_taken
from services.simulator.episodes.scores import EpisodeScore
from services.simulator.policy import Policy
from services.simulator.rollouts.rollout import gather
from services.simulator.segments.batch_recorder import BatchRecorder
from services.simulator.segments.offers import Offer
from somersault.domain.arrays import FloatArray, FrameArray
from somersault.domain.trajectory import Rollout
from somersault.errors import InvalidInputError
from somersault.numerics.precision import Precision
from somersault.runtime.call_record import CallRecord
from somersault.tasks import Task

__all__ = ["Gathered", "Gatherer", "GathererSettings", "seed_sequence"]

_MAX_POLICIES = 8  # assignments name the newest policy or, at most, the one before


@dataclass(frozen=True, slots=True, kw_only=True)
class GathererSettings:
    """What is gathered side by side, and how."""

    num_environments: int
    """N."""
    num_threads: int = 1
    """Threads that step the environments; what is gathered does not depend on it."""
    precision: Precision = "float32"
    """What a policy for pictures acts in."""
    is_staggered: bool = False
    """See `open_environment`."""
    num_segments_per_episode: int = 2
    """See `BatchRecorder`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Everything that came of one assignment."""

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

    Belongs to a run, not to a connection: a learner that reconnects finds the environments where it left
    them.
    """

    def __init__(
        self,
        task: Task,
        *,
        incarnation: str,
        seed: np.random.SeedSequence,
        settings: GathererSettings,
        calls: CallRecord | None = None,
    ) -> None:
        """Start the environments.

        Args:
            task: What is simulated.
            incarnation: Prefix of the segments' names.
            seed: Where all randomness comes from; see `seed_sequence`.
            settings: How many environments, and how they are stepped.
            calls: See `open_environment`.
        """
        starts, self._noise_rng, cuts = map(np.random.default_rng, seed.spawn(3))
        num = settings.num_environments
        self._task = task
        self._settings = settings
        self._history: FrameArray | None = None
        self._environment = open_environment(
            task, num_environments=num, rng=starts, is_staggered=settings.is_staggered, calls=calls
        )
        self._recorder = BatchRecorder(
            task,
            incarnation=incarnation,
            elapsed_steps=steps_already_taken(task, num, is_staggered=settings.is_staggered),
            recorded_rows=self._environment.recorded_rows,
            rng=cuts,
            num_segments_per_episode=settings.num_segments_per_episode,
        )
        self._policies: OrderedDict[int, Policy] = OrderedDict()

    def add_policy(self, policy_version: int, weights: bytes) -> None:
        """Keep a policy for later assignments.

        Raises:
            InvalidInputError: It is not a policy for this task.
        """
        self._policies[policy_version] = Policy.from_bytes(
            weights, spec=self._task.spec, precision=self._settings.precision
        )
        while len(self._policies) > _MAX_POLICIES:
            self._policies.popitem(last=False)

    def gather(self, *, sequence: int, policy_version: int, num_steps: int) -> Gathered:
        """Gather one rollout.

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
            num_threads=self._settings.num_threads,
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
        """Close the environments."""
        self._environment.close()


def seed_sequence(*, seed: int, simulator_id: str, env_steps: int) -> np.random.SeedSequence:
    """Return the seed of everything that a simulator draws.

    Args:
        seed: The run's.
        simulator_id: Sets the simulators of a run apart.
        env_steps: The run's when the simulator joined. It sets the lives of a simulator apart, so that one
            that was restarted doesn't gather the same again.
    """
    return np.random.SeedSequence([seed, zlib.crc32(simulator_id.encode()), env_steps])
