"""The learner's loop: take a batch of rollouts, wait for what is due, score it, improve the policy, publish, keep a checkpoint."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, replace
from typing import Protocol, TypeVar

import prometheus_client
import safetensors.numpy
import structlog

from services.learner.algorithms.ppo.ppo import PPO
from services.learner.checkpoints import Keeper
from services.learner.progress import LearnerState, Progress, measure
from services.learner.rollouts.batch import Batch, make_batch
from services.learner.rollouts.collector import Collector, PublishedPolicy
from somersault.domain.arrays import FloatArray
from somersault.domain.trajectory import Rollout
from somersault.errors import UnavailableError
from somersault.rpc import Latest

__all__ = ["RewardSource", "Rewards", "TrainingLoop"]

_log = structlog.get_logger()

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
        self._stopped = asyncio.Event()
        self._state = LearnerState.WAITING_FOR_SIMULATORS
        """What it is doing, or would be doing if it were not paused."""
        self._num_waiting_steps = 0
        """Environment steps of the batch that waits for its rewards."""
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

    @property
    def num_taken_steps(self) -> int:
        """Environment steps taken of simulators: learned from, waiting, or spare. It tells their lives apart."""
        return self._now.env_steps + self._num_waiting_steps + self._collector.num_spare_steps

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
        """Learn until all steps are made or it is stopped, then store the last checkpoint and stay finished."""
        self._publish()
        while self._now.env_steps < self._total_env_steps and not self._stopped.is_set():
            await self._learn_once()
        self._total_env_steps = min(self._total_env_steps, self._now.env_steps)
        while not await self.checkpoint():  # noqa: ASYNC110 - no event tells that a store is back
            await asyncio.sleep(1.0)
        self._tell(state=LearnerState.FINISHED)
        _log.info("finished", env_steps=self._now.env_steps, policy_version=self._now.policy_version)

    async def _learn_once(self) -> None:
        """Take a batch, wait for its rewards, and learn from it; if it is stopped while it waits, drop the batch."""
        batch = await self._unless_stopped(self._take())
        if batch is None:
            return
        num_steps = batch.rollout.num_steps
        self._num_waiting_steps = num_steps
        self._tell(state=LearnerState.WAITING_FOR_REWARD)
        with _REWARD_WAIT_S.time():
            scored = await self._unless_stopped(self._score(batch))
        self._num_waiting_steps = 0
        if scored is None:
            return
        (rewards,) = scored
        self._tell(state=LearnerState.LEARNING)
        await self._learn_from(batch.rollout, rewards, env_steps=self._now.env_steps + num_steps)
        await self._keep_if_due()

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
        self._tell()

    def resume(self) -> None:
        """Goes on after a pause."""
        self._running.set()
        self._collector.resume()
        self._tell()

    def stop(self) -> None:
        """Finish after the batch in work, at once if that waits for its rewards."""
        self._stopped.set()
        self.resume()

    @property
    def _now(self) -> Progress:
        return self.progress.value

    async def _unless_stopped(self, work: Coroutine[None, None, T]) -> T | None:
        """Return what comes of something that may take for ever; None if it is stopped before."""
        working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return None if self._stopped.is_set() else working.result()
        finally:
            working.cancel()
            stopped.cancel()
            await asyncio.gather(working, stopped, return_exceptions=True)

    async def _score(self, batch: Batch) -> tuple[Rewards | None]:
        """Return a batch's rewards, once there are any or it is to be learned from without."""
        env_steps = self._now.env_steps + batch.rollout.num_steps
        return (await self._reward_source.rewards_for(batch, env_steps=env_steps),)

    async def _take(self) -> Batch:
        """Takes what the next improvement learns from, unless it is paused."""
        await self._running.wait()
        collected = await self._collector.take()
        _BATCH_ROLLOUTS.observe(len(collected))
        for each in collected:
            _POLICY_LAG.observe(self._collector.lag(each.rollout))
        if len(collected) == 1:
            return make_batch(collected)
        # Pictures of many simulators are a gigabyte to copy.
        return await _in_thread(lambda: make_batch(collected))

    async def _learn_from(self, rollout: Rollout, rewards: Rewards | None, *, env_steps: int) -> None:
        """Improves the policy on a scored batch; without rewards yet, only gets to know its observations."""
        if rewards is None:
            self._ppo.observe(rollout.observations)
            self._tell(env_steps=env_steps)
            # One version is one policy: what was observed now shows in the next.
            self._collector.publish(self._policy)
            return
        async with self._busy:
            with _IMPROVEMENT_S.time():
                statistics = await _in_thread(lambda: self._ppo.improve(rollout, rewards.rewards))
        self._timed.append((time.monotonic(), env_steps))
        self._tell(
            env_steps=env_steps,
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

    def _tell(self, *, state: LearnerState | None = None, **changes: object) -> None:
        """Tell those who watch; a pause shows whatever is being done, until the run is finished."""
        self._state = state or self._state
        is_paused = not self._running.is_set() and self._state is not LearnerState.FINISHED
        changes["state"] = LearnerState.PAUSED if is_paused else self._state
        counted = {
            "num_stale": self._collector.num_stale,
            "num_repeated": self._collector.num_repeated,
            "num_spare": self._collector.num_spare,
            "num_simulators": self._collector.num_simulators,
        }
        self.progress.set(replace(self._now, **counted, **changes))  # type: ignore[arg-type]
        measure(self._now)


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
