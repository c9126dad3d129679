"""Doubles for the learner's tests: an algorithm, a source of rewards, a store that fails, and a loop among them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import numpy as np

from services.learner.checkpoints import CheckpointStore
from services.learner.loop import TrainingLoop
from services.learner.progress import LearnerState, Progress
from services.learner.rewards.source import Rewards
from services.learner.rollouts.batch import Batch
from services.learner.rollouts.collector import Collector
from services.learner.rollouts.session import Assignment, PublishedPolicy
from somersault.domain.trajectory import Rollout
from somersault.errors import UnavailableError
from somersault.storage import ObjectStore, StoredObject
from somersault.storage.memory import MemoryStore

__all__ = [
    "AlgorithmDouble",
    "FailingStore",
    "LearnerDouble",
    "SourceDouble",
    "make_rollout",
    "running",
]


class AlgorithmDouble:
    """Counts what it is given; its only array is the number of improvements."""

    def __init__(self) -> None:
        self.num_observed = 0
        self.num_improved = 0

    def observe(self, observations: Any) -> None:
        """Count."""
        self.num_observed += 1

    def improve(self, rollout: Any, rewards: Any) -> dict[str, float]:
        """Count."""
        self.num_improved += 1
        return {"loss": 1.0 / self.num_improved}

    def export_policy(self) -> dict[str, Any]:
        """Return something to act by."""
        return {"num_improved": np.array([self.num_improved], np.float32)}

    def state_dict(self) -> dict[str, Any]:
        """Return something to keep."""
        return {"num_improved": np.array([self.num_improved], np.int64)}

    def load_state_dict(self, arrays: Mapping[str, Any]) -> None:
        """Restore the count."""
        self.num_improved = int(arrays["num_improved"][0])


class SourceDouble:
    """Settles steps when told to; before it is pretrained there are no rewards."""

    def __init__(self) -> None:
        self.settled = 0
        self.is_alone = False
        self.is_pretrained = True
        self.asked: list[int] = []
        self._changed = asyncio.Condition()

    async def settle(self, env_steps: int) -> None:
        """Let the learner go on up to a step."""
        async with self._changed:
            self.settled = env_steps
            self._changed.notify_all()

    async def rewards_for(self, batch: Batch, *, env_steps: int) -> Rewards | None:
        """Return rewards once the step is settled."""
        self.asked.append(env_steps)
        async with self._changed:
            await self._changed.wait_for(lambda: self.settled >= env_steps)
        if not self.is_pretrained:
            return None
        return Rewards(rewards=np.zeros((2, 5), np.float32), predicted_mean=0.5, reward_version=1)

    async def run(self) -> None:
        """Return."""


class FailingStore(MemoryStore):
    """Keeps objects in memory, and can be away."""

    def __init__(self) -> None:
        super().__init__()
        self.is_away = False
        self.num_refused = 0

    def put(self, key: str, data: bytes) -> StoredObject:
        """Store an object, or refuse."""
        if self.is_away:
            self.num_refused += 1
            raise UnavailableError("the store is away")
        return super().put(key, data)


class LearnerDouble:
    """A real loop among doubles, and a simulator that always has a rollout."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        checkpoint_s: float = 1e9,
        make_algorithm: Callable[[], Any] = AlgorithmDouble,
    ) -> None:
        self.algorithm, self.source = make_algorithm(), SourceDouble()
        self.collector = Collector(max_simulators=1, max_policy_lag=8, is_exclusive=False)
        self.received: list[PublishedPolicy | Assignment] = []
        """What the simulator was sent."""
        self.loop = TrainingLoop(
            algorithm=self.algorithm,
            collector=self.collector,
            reward_source=self.source,
            checkpoints=CheckpointStore(store, run_id="r"),
            total_env_steps=30,
            checkpoint_s=checkpoint_s,
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
            self.received.append(item)
            if isinstance(item, Assignment):
                self.collector.deliver(session, make_rollout(sequence, item.policy_version))
                sequence += 1


def make_rollout(sequence: int, policy_version: int) -> Rollout:
    """Return a rollout of 2 steps of 5 environments in which nothing happens."""
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
async def running(
    store: ObjectStore, *, checkpoint_s: float = 1e9, make_algorithm: Callable[[], Any] = AlgorithmDouble
) -> AsyncIterator[LearnerDouble]:
    """Run a learner from its newest checkpoint while the body runs."""
    learner = LearnerDouble(store, checkpoint_s=checkpoint_s, make_algorithm=make_algorithm)
    await learner.loop.restore()
    tasks = [asyncio.create_task(learner.loop.run()), asyncio.create_task(learner.simulate())]
    try:
        yield learner
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
