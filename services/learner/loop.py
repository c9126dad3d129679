"""The learner's loop: take a batch of rollouts, wait for what is due, score it, improve the policy, publish, keep a checkpoint."""

from __future__ import annotations

import asyncio
import enum
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Protocol, TypeVar

import prometheus_client
import safetensors.numpy
import structlog

from services.learner.batch import Batch, make_batch
from services.learner.collector import Collector, PublishedPolicy
from services.learner.keeper import Keeper
from services.learner.ppo import PPO
from somersault.errors import UnavailableError
from somersault.rpc import Latest
from somersault.types import FloatArray, Rollout

__all__ = ["LearnerState", "Progress", "RewardSource", "Rewards", "TrainingLoop"]

_log = structlog.get_logger()

_ENV_STEPS = prometheus_client.Gauge(
    "somersault_learner_env_steps", "Environment steps learned from, over all restarts"
)
_POLICY_VERSION = prometheus_client.Gauge("somersault_learner_policy_version", "Newest policy version")
_REWARD_VERSION = prometheus_client.Gauge(
    "somersault_learner_reward_version", "Reward version that scored the last batch"
)
_PREDICTED_REWARD = prometheus_client.Gauge(
    "somersault_learner_predicted_reward_mean",
    "Mean predicted reward a step over the last batch, not normalised",
)
_NUM_DROPPED = prometheus_client.Gauge(
    "somersault_learner_num_dropped_rollouts", "Rollouts dropped since the start, by reason", ["reason"]
)
_IMPROVEMENT_S = prometheus_client.Histogram(
    "somersault_learner_improvement_seconds", "Time of one improvement of the policy"
)
_REWARD_WAIT_S = prometheus_client.Histogram(
    "somersault_learner_reward_wait_seconds", "Time one batch waited for what was due to be learned"
)
_BATCH_ROLLOUTS = prometheus_client.Histogram(
    "somersault_learner_batch_rollouts",
    "Rollouts that one improvement learned from",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
_POLICY_LAG = prometheus_client.Histogram(
    "somersault_learner_policy_lag_versions",
    "Policy versions published since a rollout's own when it was learned from, one entry a rollout",
    buckets=(0, 1, 2, 3, 4, 6, 8, 12, 16),
)

_NUM_TIMED = 10  # improvements over which speed is taken: long enough to be steady, short enough to be of now

T = TypeVar("T")


class LearnerState(enum.StrEnum):
    """What the learner is doing."""

    WAITING_FOR_SIMULATORS = "waiting_for_simulators"
    WAITING_FOR_REWARD = "waiting_for_reward"
    LEARNING = "learning"
    PAUSED = "paused"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the learner is and how the last improvement went."""

    state: LearnerState = LearnerState.WAITING_FOR_SIMULATORS
    env_steps: int = 0
    policy_version: int = 0
    reward_version: int = 0
    env_steps_per_s: float = 0.0
    predicted_reward_mean: float = 0.0
    statistics: Mapping[str, float] = field(default_factory=dict)
    num_stale: int = 0
    num_repeated: int = 0
    num_simulators: int = 0
    checkpoint_env_steps: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewards:
    """A batch's rewards, all from one reward version."""

    rewards: FloatArray
    """``[T, N]`` float32, normalised."""
    predicted_mean: float
    """Mean before normalising."""
    reward_version: int


class RewardSource(Protocol):
    """Where rewards come from: a copy of the reward model, or the true reward in a reference run."""

    async def rewards_for(self, batch: Batch, *, env_steps: int) -> Rewards | None:
        """Gives a batch's rewards once everything due at ``env_steps`` is learned; none before the first labels are."""
        ...


class TrainingLoop:
    """Owns the policy's improvement from first to last step. Used from one event loop; gradients run in a thread beside it."""

    def __init__(
        self,
        *,
        ppo: PPO,
        collector: Collector,
        reward_source: RewardSource,
        keeper: Keeper,
        total_env_steps: int,
        checkpoint_s: float,
    ) -> None:
        """Takes its parts; `run` starts it, from the newest checkpoint if there is one."""
        self._ppo = ppo
        self._collector = collector
        self._reward_source = reward_source
        self._keeper = keeper
        self._total_env_steps = total_env_steps
        self._checkpoint_s = checkpoint_s
        self._running = asyncio.Event()
        self._running.set()
        self._busy = asyncio.Lock()
        """Guards the policy: held while it is improved or stored."""
        self._timed: deque[tuple[float, int]] = deque(maxlen=_NUM_TIMED)
        self._last_checkpoint_s = time.monotonic()
        self._policy = PublishedPolicy(version=-1, weights=b"")
        self.progress: Latest[Progress] = Latest(Progress())

    @property
    def total_env_steps(self) -> int:
        """Environment steps after which it finishes."""
        return self._total_env_steps

    async def restore(self) -> None:
        """Takes over the newest checkpoint, if there is one.

        Raises:
            CorruptDataError: there is one and it can't be trusted.
        """
        kept = await _in_thread(lambda: self._keeper.restore(self._ppo))
        if kept is None:
            return
        self._tell(
            env_steps=kept.env_steps,
            policy_version=kept.policy_version,
            checkpoint_env_steps=kept.env_steps,
        )
        _log.info("restored", env_steps=kept.env_steps, policy_version=kept.policy_version)

    async def run(self) -> None:
        """Learns until all steps are made, then stores the last checkpoint and stays finished."""
        self._publish()
        while self._now.env_steps < self._total_env_steps:
            await self._running.wait()
            batch = await self._take()
            env_steps = self._now.env_steps + batch.rollout.num_steps
            self._tell(env_steps=env_steps, state=LearnerState.WAITING_FOR_REWARD)
            with _REWARD_WAIT_S.time():
                rewards = await self._reward_source.rewards_for(batch, env_steps=env_steps)
            self._tell(state=LearnerState.LEARNING)
            await self._learn_from(batch.rollout, rewards)
            await self._keep_if_due()
        while not await self.checkpoint():  # noqa: ASYNC110 - no event tells that a store is back
            await asyncio.sleep(1.0)
        self._tell(state=LearnerState.FINISHED)
        _log.info("finished", env_steps=self._now.env_steps, policy_version=self._now.policy_version)

    async def checkpoint(self) -> bool:
        """Stores a checkpoint now and tells whether it could: a store that is away must not end learning."""
        async with self._busy:
            now = self._now
            self._last_checkpoint_s = time.monotonic()
            try:
                await _in_thread(
                    lambda: self._keeper.keep(
                        self._ppo, env_steps=now.env_steps, policy_version=now.policy_version
                    )
                )
            except UnavailableError as error:
                _log.warning("checkpoint_not_stored", env_steps=now.env_steps, detail=str(error))
                return False
            self._tell(checkpoint_env_steps=now.env_steps)
        _log.info("checkpoint_stored", env_steps=now.env_steps)
        return True

    def pause(self) -> None:
        """Stops taking and assigning rollouts."""
        self._running.clear()
        self._collector.pause()
        self._tell(state=LearnerState.PAUSED)

    def resume(self) -> None:
        """Goes on after a pause."""
        self._running.set()
        self._collector.resume()
        self._tell(state=LearnerState.LEARNING)

    def stop(self) -> None:
        """Finishes after the batch in work."""
        self._total_env_steps = self._now.env_steps
        self.resume()

    @property
    def _now(self) -> Progress:
        return self.progress.value

    async def _take(self) -> Batch:
        """Takes what the next improvement learns from."""
        collected = await self._collector.take()
        _BATCH_ROLLOUTS.observe(len(collected))
        for each in collected:
            _POLICY_LAG.observe(self._collector.lag(each.rollout))
        if len(collected) == 1:
            return make_batch(collected)
        # Pictures of many simulators are a gigabyte to copy.
        return await _in_thread(lambda: make_batch(collected))

    async def _learn_from(self, rollout: Rollout, rewards: Rewards | None) -> None:
        """Improves the policy on a scored batch; without rewards yet, only gets to know its observations."""
        if rewards is None:
            self._ppo.observe(rollout.observations)
            # One version is one policy: what was observed now shows in the next.
            self._collector.publish(self._policy)
            return
        async with self._busy:
            with _IMPROVEMENT_S.time():
                statistics = await _in_thread(lambda: self._ppo.improve(rollout, rewards.rewards))
        self._timed.append((time.monotonic(), self._now.env_steps))
        self._tell(
            policy_version=self._now.policy_version + 1,
            reward_version=rewards.reward_version,
            predicted_reward_mean=rewards.predicted_mean,
            statistics=asdict(statistics),
            env_steps_per_s=self._speed(),
        )
        self._publish()

    def _publish(self) -> None:
        weights = safetensors.numpy.save(self._ppo.export_policy())
        self._policy = PublishedPolicy(version=self._now.policy_version, weights=weights)
        self._collector.publish(self._policy)

    async def _keep_if_due(self) -> None:
        if time.monotonic() - self._last_checkpoint_s >= self._checkpoint_s:
            await self.checkpoint()

    def _speed(self) -> float:
        """Gives environment steps a second over the timed improvements."""
        (first_s, first_steps), (last_s, last_steps) = self._timed[0], self._timed[-1]
        return (last_steps - first_steps) / (last_s - first_s) if last_s > first_s else 0.0

    def _tell(self, **changes: object) -> None:
        counted = {
            "num_stale": self._collector.num_stale,
            "num_repeated": self._collector.num_repeated,
            "num_simulators": self._collector.num_simulators,
        }
        self.progress.set(replace(self._now, **counted, **changes))  # type: ignore[arg-type]
        _measure(self._now)


def _measure(progress: Progress) -> None:
    _ENV_STEPS.set(progress.env_steps)
    _POLICY_VERSION.set(progress.policy_version)
    _REWARD_VERSION.set(progress.reward_version)
    _PREDICTED_REWARD.set(progress.predicted_reward_mean)
    _NUM_DROPPED.labels(reason="stale").set(progress.num_stale)
    _NUM_DROPPED.labels(reason="repeated").set(progress.num_repeated)


async def _in_thread(work: Callable[[], T]) -> T:
    """Runs what holds the processor beside the event loop, to its end even if the waiter is cancelled.

    A half-made improvement or checkpoint must never be what the next one starts from.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
