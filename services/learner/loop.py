"""The learner's loop: take a batch of rollouts, wait for its rewards, improve the policy, publish it, store checkpoints."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TypeVar

import prometheus_client
import safetensors.numpy
import structlog

from services.learner.algorithms.algorithm import Algorithm
from services.learner.checkpoint_writer import CheckpointWriter
from services.learner.checkpoints import CheckpointStore, Counters, Snapshot, take_snapshot
from services.learner.progress import LearnerState, Progress, set_metrics
from services.learner.rewards.source import Rewards, RewardSource
from services.learner.rollouts.batch import Batch, make_batch
from services.learner.rollouts.collector import Collector
from services.learner.rollouts.session import PublishedPolicy
from services.learner.safeguard import Safeguard
from somersault.domain.trajectory import Rollout
from somersault.rpc import Latest
from somersault.runtime.failpoints import failpoint
from somersault.runtime.telemetry import tell_owner

__all__ = ["TrainingLoop"]

_log = structlog.get_logger()

_IMPROVEMENT_S = prometheus_client.Histogram(
    "somersault_learner_improvement_seconds", "Time of one improvement of the policy"
)
_REWARD_WAIT_S = prometheus_client.Histogram(
    "somersault_learner_reward_wait_seconds", "Time one batch waited for its rewards"
)
_BATCH_ROLLOUTS = prometheus_client.Histogram(
    "somersault_learner_batch_rollouts",
    "Rollouts that one improvement learned from",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
_POLICY_LAG = prometheus_client.Histogram(
    "somersault_learner_policy_lag_versions",
    "Age of a rollout, in policy versions, when it was learned from, one entry per rollout",
    buckets=(0, 1, 2, 3, 4, 6, 8, 12, 16),
)

_NUM_TIMED = 10  # improvements that speed is averaged over: enough to be steady, few enough to be current

_CHECKPOINT_RETRY_S = 1.0  # between tries to store the last checkpoint

_STORE_S = 20.0  # how long whoever asked for a checkpoint waits for a slow store

T = TypeVar("T")


class TrainingLoop:
    """Owns the policy's improvement from first to last step. Used from one event loop; gradients run in a thread beside it."""

    def __init__(
        self,
        *,
        algorithm: Algorithm,
        collector: Collector,
        reward_source: RewardSource,
        checkpoints: CheckpointStore,
        total_env_steps: int,
        checkpoint_s: float,
    ) -> None:
        """Connect the parts. `restore` then loads the newest checkpoint, and `run` starts learning."""
        self._algorithm = algorithm
        self._collector = collector
        self._reward_source = reward_source
        self._checkpoints = checkpoints
        self._safeguard = Safeguard(algorithm)
        self._writer = CheckpointWriter(checkpoints, on_stored=self._note_stored)
        self._total_env_steps = total_env_steps
        self._checkpoint_s = checkpoint_s
        self._unpaused = asyncio.Event()
        self._unpaused.set()
        self._stopped = asyncio.Event()
        self._state = LearnerState.WAITING_FOR_SIMULATORS
        """What it is doing, or would be doing if it were not paused."""
        self._num_waiting_steps = 0
        """Environment steps of the batch that waits for its rewards."""
        self._algorithm_lock = asyncio.Lock()
        """Held while the algorithm's state changes or is stored."""
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
        """Environment steps taken from simulators: learned from, waiting, or spare. Seeds a restarted simulator anew."""
        return self._now.env_steps + self._num_waiting_steps + self._collector.num_spare_steps

    async def restore(self) -> None:
        """Go on from the newest checkpoint that is sound, if there is any.

        Raises:
            CorruptDataError: There are some and none can be trusted.
        """
        counters = await _in_thread(lambda: self._checkpoints.restore(self._algorithm))
        if counters is None:
            return
        if self._checkpoints.fall_back is not None:
            tell_owner(self._checkpoints.fall_back)
        self._report(
            env_steps=counters.env_steps,
            policy_version=counters.policy_version,
            checkpoint_env_steps=counters.env_steps,
        )
        _log.info("restored", env_steps=counters.env_steps, policy_version=counters.policy_version)

    async def run(self) -> None:
        """Learn until all steps are made or `stop` is called, then store the last checkpoint and stay finished."""
        self._publish()
        while self._now.env_steps < self._total_env_steps and not self._stopped.is_set():
            await self._learn_once()
        self._total_env_steps = min(self._total_env_steps, self._now.env_steps)
        while not await self.checkpoint():  # noqa: ASYNC110 - no event tells that a store is back
            await asyncio.sleep(_CHECKPOINT_RETRY_S)
        self._report(state=LearnerState.FINISHED)
        _log.info("finished", env_steps=self._now.env_steps, policy_version=self._now.policy_version)

    async def checkpoint(self, *, timeout_s: float = _STORE_S) -> bool:
        """Store a checkpoint now and return whether it was stored: a store that is away, slow or full must not end learning."""
        return await self._writer.write(await self._snapshot(), timeout_s=timeout_s)

    async def drain(self, *, timeout_s: float) -> None:
        """Store what was learned since the last checkpoint, or say that it isn't stored."""
        if not await self.checkpoint(timeout_s=timeout_s):
            stored, made = self._now.checkpoint_env_steps, self._now.env_steps
            tell_owner(
                f"what was learned from step {stored} to {made} could not be stored and is lost when the learner ends"
            )

    def pause(self) -> None:
        """Take and assign no more rollouts; a batch in work is still learned from."""
        self._unpaused.clear()
        self._collector.pause()
        self._report()

    def resume(self) -> None:
        """Go on after a pause."""
        self._unpaused.set()
        self._collector.resume()
        self._report()

    def stop(self) -> None:
        """Finish after the batch in work, or at once if that still waits for its rewards."""
        self._stopped.set()
        self.resume()

    @property
    def _now(self) -> Progress:
        return self.progress.value

    async def _learn_once(self) -> None:
        """Take a batch, wait for its rewards and learn from it; if stopped meanwhile, drop the batch."""
        batch = await self._unless_stopped(self._take())
        if batch is None:
            return
        num_steps = batch.rollout.num_steps
        self._num_waiting_steps = num_steps
        self._report(state=LearnerState.WAITING_FOR_REWARD)
        with _REWARD_WAIT_S.time():
            scored = await self._unless_stopped(self._score(batch))
        self._num_waiting_steps = 0
        if scored is None:
            return
        (rewards,) = scored
        self._report(state=LearnerState.LEARNING)
        if not await self._learn_from(batch.rollout, rewards, env_steps=self._now.env_steps + num_steps):
            self._tell_of_dropped(batch)
        await self._checkpoint_if_due()

    async def _unless_stopped(self, work: Coroutine[None, None, T]) -> T | None:
        """Return the result of work that may take forever, or None if the loop is stopped first."""
        working, stopped = asyncio.ensure_future(work), asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return None if self._stopped.is_set() else working.result()
        finally:
            working.cancel()
            stopped.cancel()
            await asyncio.gather(working, stopped, return_exceptions=True)

    async def _take(self) -> Batch:
        """Wait for the end of a pause and for enough rollouts, and return them as a batch."""
        await self._unpaused.wait()
        collected = await self._collector.take()
        _BATCH_ROLLOUTS.observe(len(collected))
        for each in collected:
            _POLICY_LAG.observe(self._collector.lag(each.rollout))
        if len(collected) == 1:
            return make_batch(collected)
        # Pictures of many simulators are a gigabyte to copy.
        return await _in_thread(lambda: make_batch(collected))

    async def _score(self, batch: Batch) -> tuple[Rewards | None]:
        """Return a batch's rewards in a tuple, which tells "no rewards yet" from "stopped"."""
        env_steps = self._now.env_steps + batch.rollout.num_steps
        return (await self._reward_source.rewards_for(batch, env_steps=env_steps),)

    async def _learn_from(self, rollout: Rollout, rewards: Rewards | None, *, env_steps: int) -> bool:
        """Improve the policy on a scored rollout, without rewards only observe it; return whether that was kept."""
        async with self._algorithm_lock:
            if rewards is not None:
                return await _to_its_end(self._improve(rollout, rewards, env_steps=env_steps))
            is_kept = self._safeguard.observe(rollout.observations)
        if is_kept:
            self._report(env_steps=env_steps)
        # A version names one policy, so what was observed now is first published with the next version.
        self._collector.publish(self._policy)
        return is_kept

    async def _improve(self, rollout: Rollout, rewards: Rewards, *, env_steps: int) -> bool:
        with _IMPROVEMENT_S.time():
            statistics = await asyncio.to_thread(self._safeguard.improve, rollout, rewards.rewards)
        failpoint("learner.policy.improved")
        if statistics is None:
            self._collector.publish(self._policy)
            return False
        self._timed.append((time.monotonic(), env_steps))
        self._report(
            env_steps=env_steps,
            policy_version=self._now.policy_version + 1,
            reward_version=rewards.reward_version,
            predicted_reward_mean=rewards.predicted_mean,
            statistics=statistics,
            env_steps_per_s=self._speed(),
        )
        self._publish()
        failpoint("learner.policy.published")
        return True

    def _tell_of_dropped(self, batch: Batch) -> None:
        """Say whose rollouts made a step that was taken back, at first to the owner too."""
        incarnations = sorted({part.incarnation for part in batch.parts})
        _log.error("rollouts_spoilt_a_step", incarnations=incarnations)
        num_dropped = self._safeguard.num_dropped
        if num_dropped & (num_dropped - 1) == 0:  # 1, 2, 4, 8, …
            tell_owner(
                f"{num_dropped} improvements were taken back because a number was no longer finite, the last on rollouts"
                f" of {', '.join(incarnations)}; learning goes on from before it"
            )
        self._report(num_dropped_improvements=num_dropped)

    def _publish(self) -> None:
        weights = safetensors.numpy.save(self._algorithm.export_policy())
        self._policy = PublishedPolicy(version=self._now.policy_version, weights=weights)
        self._collector.publish(self._policy)

    async def _checkpoint_if_due(self) -> None:
        """Begin to store a checkpoint; learning doesn't wait for the store, whatever the pacing."""
        if time.monotonic() - self._last_checkpoint_s >= self._checkpoint_s:
            self._writer.begin(await self._snapshot())

    async def _snapshot(self) -> Snapshot:
        self._last_checkpoint_s = time.monotonic()
        async with self._algorithm_lock:
            counters = Counters(env_steps=self._now.env_steps, policy_version=self._now.policy_version)
            return await _in_thread(lambda: take_snapshot(self._algorithm, counters))

    def _note_stored(self, counters: Counters) -> None:
        self._report(checkpoint_env_steps=counters.env_steps)

    def _speed(self) -> float:
        """Return environment steps per second over the newest improvements."""
        (first_s, first_steps), (last_s, last_steps) = self._timed[0], self._timed[-1]
        return (last_steps - first_steps) / (last_s - first_s) if last_s > first_s else 0.0

    def _report(self, *, state: LearnerState | None = None, **changes: object) -> None:
        """Change the progress that watchers see; while paused it says so, whatever is being done, until the end."""
        self._state = state or self._state
        is_paused = not self._unpaused.is_set() and self._state is not LearnerState.FINISHED
        changes["state"] = LearnerState.PAUSED if is_paused else self._state
        counted = {
            "num_stale": self._collector.num_stale,
            "num_repeated": self._collector.num_repeated,
            "num_spare": self._collector.num_spare,
            "num_simulators": self._collector.num_simulators,
            "is_without_reward_service": self._reward_source.is_alone,
            "is_checkpoint_late": self._writer.failed_since is not None,
        }
        self.progress.set(replace(self._now, **counted, **changes))  # type: ignore[arg-type]
        set_metrics(self._now)


async def _in_thread(work: Callable[[], T]) -> T:
    """Run blocking work beside the event loop, to its end even if the waiter is cancelled."""
    return await _to_its_end(asyncio.to_thread(work))


async def _to_its_end(work: Coroutine[None, None, T]) -> T:
    """Run work to its end even if the waiter is cancelled.

    What is half made must never be what a checkpoint holds, nor an improvement without its count.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
