"""The learner's copy of the reward model, kept up to date over `RewardService.WatchRewardModel`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Protocol

import grpc.aio
import numpy as np
import structlog

from services.learner.loop import Rewards
from services.learner.rewards.normaliser import normalise_rewards
from services.learner.rollouts.batch import Batch
from somersault.domain.actions import leave_out_still
from somersault.domain.arrays import ActionArray, FloatArray
from somersault.domain.trajectory import Rollout
from somersault.errors import CorruptDataError
from somersault.reward_model import RewardEnsemble
from somersault.rpc import Backoff, Latest, Notifier, dial_forever, translated_errors
from somersault.v1 import reward_pb2, reward_pb2_grpc

__all__ = ["RewardFeed"]

_log = structlog.get_logger()


class WantSegments(Protocol):
    """Hears whether simulators are to gather for their segments alone."""

    def __call__(self, *, is_wanted: bool) -> None:
        """Have them do so, or no longer."""
        ...


class RewardFeed:
    """Tells the reward service where the learner is and scores rollouts with what it answers.

    Used from one event loop; `run` keeps the stream open, `rewards_for` waits on it.
    """

    def __init__(
        self,
        address: str,
        *,
        is_lockstep: bool,
        want_segments: WantSegments | None = None,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes the reward service's address.

        Args:
            address: ``host:port``.
            is_lockstep: Waits even for a reward service that is away; otherwise the copy at hand will do, up to where
                the service said that it may.
            want_segments: Told whether simulators are to gather for their segments alone; None: nobody.
            finish: Told that the run is to finish now.
        """
        self._address = address
        self._is_lockstep = is_lockstep
        self._want_segments = want_segments
        self._finish = finish
        self._ensemble: RewardEnsemble | None = None
        self._update = reward_pb2.RewardModelUpdate(settled_env_steps=-1)
        self._is_connected = False
        self._changed = Notifier()
        self._request = Latest(reward_pb2.WatchRewardModelRequest())
        self._positions: dict[str, int] = {}

    async def rewards_for(self, batch: Batch, *, env_steps: int) -> Rewards | None:
        """Gives a batch's rewards once everything due at ``env_steps`` is learned; none before the first labels are."""
        self._say(batch, env_steps)
        await self._changed.wait_until(lambda: self._is_settled(env_steps))
        if self._ensemble is None or not self._update.is_pretrained:
            return None
        ensemble, version = self._ensemble, self._update.reward_version
        rewards, mean = await asyncio.to_thread(_score, ensemble, batch)
        return Rewards(rewards=rewards, predicted_mean=mean, reward_version=version)

    async def run(self) -> None:
        """Keep the stream open until cancelled.

        Raises:
            SomersaultError: the reward service refuses for good, or sent what is no reward model.
        """
        await dial_forever(
            self._address, self._hold, on_lost=lambda detail: _log.info("reward_stream_lost", detail=detail)
        )

    async def _hold(self, channel: grpc.aio.Channel, backoff: Backoff) -> None:
        """Follows one stream until it ends."""
        try:
            await self._follow(reward_pb2_grpc.RewardServiceStub(channel), backoff)
        except CorruptDataError as error:
            _log.error("reward_version_corrupt", detail=str(error))
            raise
        finally:
            self._say_wanted(is_wanted=False)
            self._note(is_connected=False)

    async def _follow(self, stub: reward_pb2_grpc.RewardServiceAsyncStub, backoff: Backoff) -> None:
        with translated_errors():
            async for update in stub.WatchRewardModel(self._request.watch()):
                backoff.reset()
                if update.weights:
                    self._ensemble = RewardEnsemble.from_bytes(update.weights)
                self._update = update
                self._say_wanted(is_wanted=update.wants_segments)
                if update.is_finishing:
                    self._finish()
                self._note(is_connected=True)

    def _say(self, batch: Batch, env_steps: int) -> None:
        if self._is_lockstep:
            self._positions.clear()  # one simulator gathers; those before it are gone and must not be waited for
        for part in batch.parts:
            self._positions.pop(part.incarnation, None)  # so that those long gone stay first
            self._positions[part.incarnation] = part.sequence
        while len(self._positions) > _MAX_POSITIONS:
            del self._positions[next(iter(self._positions))]
        positions = [
            reward_pb2.RolloutPosition(incarnation=incarnation, sequence=sequence)
            for incarnation, sequence in self._positions.items()
        ]
        self._request.set(reward_pb2.WatchRewardModelRequest(env_steps=env_steps, positions=positions))

    def _say_wanted(self, *, is_wanted: bool) -> None:
        if self._want_segments is not None:
            self._want_segments(is_wanted=is_wanted)

    def _is_settled(self, env_steps: int) -> bool:
        if self._update.settled_env_steps >= env_steps:
            return True
        if self._is_lockstep or self._is_connected:
            return False
        is_usable = self._ensemble is not None and self._update.is_pretrained
        is_within = not self._update.HasField("horizon_env_steps") or (
            env_steps <= self._update.horizon_env_steps
        )
        return is_usable and is_within

    def _note(self, *, is_connected: bool) -> None:
        self._is_connected = is_connected
        self._changed.notify()


_MAX_POSITIONS = 4096
"""Incarnations remembered; those of simulators long gone are forgotten first."""


def _score(ensemble: RewardEnsemble, batch: Batch) -> tuple[FloatArray, float]:
    rollout = batch.rollout
    predictions = ensemble.predict_steps(rollout.observations, _executed(rollout))
    return normalise_rewards(predictions), float(predictions.mean())


def _executed(rollout: Rollout) -> ActionArray:
    """Return actions as the environment executed them: vectors within -1 and 1, choices as made, none while it stood still."""
    actions: ActionArray = rollout.actions
    if actions.dtype != np.int32:
        actions = np.clip(actions.astype(np.float32), np.float32(-1), np.float32(1))
    return actions if rollout.is_still is None else leave_out_still(actions, rollout.is_still)


@contextlib.asynccontextmanager
async def following(feed: RewardFeed) -> AsyncIterator[None]:
    """Keep a feed's stream open while the body runs; a stream that is refused for good ends the body.

    Raises:
        ExceptionGroup: with what `RewardFeed.run` raised.
    """
    async with asyncio.TaskGroup() as group:
        task = group.create_task(feed.run())
        yield
        task.cancel()
