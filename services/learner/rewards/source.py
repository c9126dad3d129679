"""Where rewards come from: predicted by the reward model, or the task's true ones in a reference run."""

from __future__ import annotations

import contextlib
from asyncio import TaskGroup
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from services.learner.rollouts.batch import Batch
from somersault.domain.arrays import FloatArray

__all__ = ["RewardSource", "Rewards", "running"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewards:
    """A batch's rewards, all of one reward version."""

    rewards: FloatArray
    """``[T, N]`` float32, normalised."""
    predicted_mean: float
    """Mean before normalising."""
    reward_version: int


class RewardSource(Protocol):
    """Where rewards come from. A learner has one, chosen when it starts; only a reference run's sees true rewards."""

    is_alone: bool
    """Whether the last batch was scored without the word of whoever settles steps."""

    async def rewards_for(self, batch: Batch, *, env_steps: int) -> Rewards | None:
        """Wait until everything due at ``env_steps`` is learned, then return the batch's rewards.

        Returns:
            None as long as there are no rewards to learn from: the batch is then observed only.
        """
        ...

    async def run(self) -> None:
        """Stay up to date until cancelled; a source that needs nothing for that returns.

        Raises:
            SomersaultError: There will never be rewards again.
        """
        ...


@contextlib.asynccontextmanager
async def running(source: RewardSource) -> AsyncIterator[None]:
    """Keep a source up to date while the body runs; if the source fails, the body is cancelled.

    Raises:
        ExceptionGroup: With what `RewardSource.run` raised.
    """
    async with TaskGroup() as group:
        task = group.create_task(source.run())
        yield
        task.cancel()
