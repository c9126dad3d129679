"""Reference runs: the same learner on the true reward, to know what is possible.

The only code outside the simulator that touches true rewards. It is served by a learner that was started with
``is_reference`` and by no other; such a learner serves no `Collect` and dials no reward service.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import numpy as np

from services.learner.rewards.normaliser import normalise_rewards
from services.learner.rewards.source import Rewards
from services.learner.rollouts.batch import Batch
from services.learner.rollouts.conversation import CollectConversation
from services.learner.rollouts.session import SimulatorSession
from somersault.domain.arrays import FloatArray
from somersault.domain.bounds import MAX_NUMBER
from somersault.domain.trajectory import Rollout
from somersault.errors import FailedPreconditionError
from somersault.v1 import learner_pb2, learner_pb2_grpc
from somersault.wire import array_from_tensor

__all__ = ["ReferenceRewards", "ReferenceServicer"]

_MAX_WAITING = (
    4096  # far more rollouts than may wait; the true rewards of those dropped as too old go in their turn
)


class ReferenceRewards:
    """Holds the true rewards of waiting rollouts, and returns them normalised as predicted ones are."""

    def __init__(self) -> None:
        """Start with no rewards waiting."""
        self.is_alone = False
        self._waiting: OrderedDict[tuple[str, int], FloatArray] = OrderedDict()

    def put(self, incarnation: str, sequence: int, true_rewards: FloatArray) -> None:
        """Keep one rollout's true rewards ``[T, N]`` float32 until its batch is scored."""
        self._waiting[incarnation, sequence] = true_rewards
        if len(self._waiting) > _MAX_WAITING:
            self._waiting.popitem(last=False)

    async def rewards_for(self, batch: Batch, *, env_steps: int) -> Rewards | None:
        """Return a batch's true rewards, normalised, without waiting: in a reference run nothing is ever due."""
        del env_steps
        parts = [self._waiting.pop((part.incarnation, part.sequence)) for part in batch.parts]
        true_rewards = np.concatenate(parts, axis=1)
        return Rewards(
            rewards=normalise_rewards(true_rewards[np.newaxis]),
            predicted_mean=float(true_rewards.mean()),
            reward_version=0,
        )

    async def run(self) -> None:
        """Return at once: rewards come with their rollouts."""


class ReferenceServicer(learner_pb2_grpc.ReferenceLearnerServiceServicer):
    """Serves ReferenceLearnerService."""

    def __init__(self, conversation: CollectConversation, rewards: ReferenceRewards | None) -> None:
        """Serve a reference run, or refuse to if there are no ``rewards`` to put true rewards into."""
        self._conversation = conversation
        self._rewards = rewards

    async def CollectReference(
        self,
        request_iterator: AsyncIterator[learner_pb2.CollectReferenceRequest],
        context: grpc.aio.ServicerContext[Any, Any],
    ) -> AsyncIterator[learner_pb2.CollectResponse]:
        """Collect rollouts with their true rewards."""
        if self._rewards is None:
            raise FailedPreconditionError(
                "this learner was not started for a reference run: it never sees the true reward"
            ).never()
        rewards = self._rewards
        latest: list[learner_pb2.CollectReferenceRequest] = []

        async def unwrap() -> AsyncIterator[learner_pb2.CollectRequest]:
            async for request in request_iterator:
                latest[:] = [request]
                yield request.request

        def keep(session: SimulatorSession, rollout: Rollout) -> None:
            tensor = latest[0].true_rewards
            true_rewards = array_from_tensor(
                "true_rewards", tensor, shape=rollout.log_probs.shape, bound=MAX_NUMBER
            )
            rewards.put(session.incarnation, rollout.sequence, true_rewards)

        async for response in self._conversation.hold(unwrap(), on_rollout=keep):
            yield response
