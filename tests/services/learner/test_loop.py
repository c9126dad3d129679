"""The learner's centre: what counts as learned, and that it can be paused, stopped and finished at any moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.learner.checkpoints import Keeper
from services.learner.loop import Rewards, TrainingLoop
from services.learner.progress import LearnerState, Progress
from services.learner.rollouts.batch import Batch
from services.learner.rollouts.collector import Collector
from somersault.domain.trajectory import Rollout
from somersault.storage import ObjectStore, open_store


@dataclass
class _Statistics:
    loss: float = 0.0


class PPODouble:
    """Counts what it is given."""

    def __init__(self) -> None:
        self.num_observed = 0
        self.num_improved = 0

    def observe(self, observations: Any) -> None:
        """Count."""
        self.num_observed += 1

    def improve(self, rollout: Any, rewards: Any) -> _Statistics:
        """Count."""
        self.num_improved += 1
        return _Statistics()

    def export_policy(self) -> dict[str, Any]:
        """Give something to act by."""
        return {"a": np.zeros(1, np.float32)}

    def state_dict(self) -> dict[str, Any]:
        """Give something to keep."""
        return {"a": np.zeros(1, np.float32)}

    def load_state_dict(self, arrays: Any) -> None:
        """Take nothing over."""


class SourceDouble:
    """Settles steps when told to; before it is pretrained there are no rewards."""

    def __init__(self) -> None:
        self.settled = 0
        self.is_pretrained = True
        self.asked: list[int] = []
        self._changed = asyncio.Condition()

    async def settle(self, env_steps: int) -> None:
        """Let the learner go on up to a step."""
        async with self._changed:
            self.settled = env_steps
            self._changed.notify_all()

    async def rewards_for(self, batch: Batch, *, env_steps: int) -> Rewards | None:
        """Give rewards once the step is settled."""
        self.asked.append(env_steps)
        async with self._changed:
            await self._changed.wait_for(lambda: self.settled >= env_steps)
        if not self.is_pretrained:
            return None
        return Rewards(rewards=np.zeros((2, 5), np.float32), predicted_mean=0.5, reward_version=1)


class Learner:
    """A loop with doubles around it, and a simulator that always has a rollout."""

    def __init__(self, store: ObjectStore) -> None:
        self.ppo, self.source = PPODouble(), SourceDouble()
        self.collector = Collector(max_simulators=1, max_policy_lag=8, is_exclusive=False)
        self.loop = TrainingLoop(
            ppo=self.ppo,  # type: ignore[arg-type]
            collector=self.collector,
            reward_source=self.source,
            keeper=Keeper(store, run_id="r"),
            total_env_steps=30,
            checkpoint_s=1e9,
        )

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self.loop.progress.value

    async def until(self, state: LearnerState, env_steps: int) -> None:
        """Wait for the learner to be there."""
        async with asyncio.timeout(10):
            async for progress in self.loop.progress.watch():
                if (progress.state, progress.env_steps) == (state, env_steps):
                    await asyncio.sleep(0.01)  # it says so first and then waits
                    return

    async def simulate(self) -> None:
        """Deliver whatever is assigned, 10 environment steps a rollout."""
        session = self.collector.join(simulator_id="s", incarnation="i", num_environments=5)
        sequence = 0
        while True:
            item = await session.outbox.get()
            if hasattr(item, "policy_version"):
                self.collector.deliver(session, _rollout(sequence, item.policy_version))
                sequence += 1


def _rollout(sequence: int, policy_version: int) -> Rollout:
    return Rollout(
        sequence=sequence,
        policy_version=policy_version,
        observations=np.zeros((2, 5, 2), np.float32),
        actions=np.zeros((2, 5, 1), np.float32),
        log_probs=np.zeros((2, 5), np.float32),
        is_truncated=np.zeros((2, 5), np.bool_),
        final_observations=np.zeros((0, 2), np.float32),
        next_observations=np.zeros((5, 2), np.float32),
    )


@contextlib.asynccontextmanager
async def running(store: ObjectStore) -> AsyncIterator[Learner]:
    """Run a learner from its newest checkpoint while the body runs."""
    learner = Learner(store)
    await learner.loop.restore()
    tasks = [asyncio.create_task(learner.loop.run()), asyncio.create_task(learner.simulate())]
    try:
        yield learner
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_steps_count_once_they_are_learned_from() -> None:
    """A batch that waits for labels is no step of the run yet, nor is it after a restart, however often."""
    store = open_store("memory://")
    for _ in range(5):
        async with running(store) as learner:
            await learner.until(LearnerState.WAITING_FOR_REWARD, 0)
            assert learner.source.asked == [10]
            assert learner.loop.num_taken_steps == 10
            assert await learner.loop.checkpoint()
    async with running(store) as learner:
        await learner.source.settle(10)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        assert await learner.loop.checkpoint()
    async with running(store) as learner:
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)


async def test_a_restart_at_the_last_batch_waits_for_its_labels_again() -> None:
    """Otherwise stopping and resuming would finish a run whose last answers were never given."""
    store = open_store("memory://")
    async with running(store) as learner:
        await learner.source.settle(20)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 20)
        assert await learner.loop.checkpoint()
    async with running(store) as learner:
        await learner.until(LearnerState.WAITING_FOR_REWARD, 20)
        assert learner.source.asked == [30]
        await learner.source.settle(30)
        await learner.until(LearnerState.FINISHED, 30)


async def test_without_rewards_it_gets_to_know_observations_and_counts_them() -> None:
    """As before the first labels are learned."""
    async with running(open_store("memory://")) as learner:
        learner.source.is_pretrained = False
        await learner.source.settle(20)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 20)
        assert (learner.ppo.num_observed, learner.ppo.num_improved) == (2, 0)


async def test_a_stop_ends_the_wait_for_labels() -> None:
    """The batch that waits is dropped, a checkpoint is stored, and that was all."""
    store = open_store("memory://")
    async with running(store) as learner:
        await learner.source.settle(10)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        learner.loop.stop()
        await learner.until(LearnerState.FINISHED, 10)
        assert (learner.ppo.num_improved, learner.progress.checkpoint_env_steps) == (1, 10)
        assert learner.loop.total_env_steps == 10


async def test_a_stop_ends_the_wait_for_simulators_and_a_pause() -> None:
    """Nothing need happen for a run to finish."""
    learner = Learner(open_store("memory://"))
    running_loop = asyncio.create_task(learner.loop.run())
    learner.loop.pause()
    await learner.until(LearnerState.PAUSED, 0)
    learner.loop.stop()
    await learner.until(LearnerState.FINISHED, 0)
    await running_loop


async def test_a_finished_run_stays_finished() -> None:
    """Whatever is said afterwards: who waits for the end must not miss it."""
    async with running(open_store("memory://")) as learner:
        await learner.source.settle(30)
        await learner.until(LearnerState.FINISHED, 30)
        for say in (learner.loop.pause, learner.loop.resume, learner.loop.stop):
            say()
            assert learner.progress.state is LearnerState.FINISHED


async def test_a_pause_shows_whatever_is_waited_for_and_takes_no_batch() -> None:
    """The batch in hand is learned once its labels are; the next one waits for the end of the pause."""
    async with running(open_store("memory://")) as learner:
        await learner.until(LearnerState.WAITING_FOR_REWARD, 0)
        learner.loop.pause()
        assert learner.progress.state is LearnerState.PAUSED
        await learner.source.settle(30)
        await learner.until(LearnerState.PAUSED, 10)
        await asyncio.sleep(0.05)
        assert learner.source.asked == [10]
        learner.loop.resume()
        await learner.until(LearnerState.FINISHED, 30)


async def test_a_resume_shows_what_is_waited_for() -> None:
    """Not that it learns."""
    async with running(open_store("memory://")) as learner:
        await learner.until(LearnerState.WAITING_FOR_REWARD, 0)
        learner.loop.pause()
        learner.loop.resume()
        assert learner.progress.state is LearnerState.WAITING_FOR_REWARD
