"""Rewards predicted by the learner's own copy of the reward model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import prometheus_client
import structlog

from services.learner.rewards.normaliser import normalise_rewards
from services.learner.rewards.reward_client import RewardClient, RewardUpdate
from services.learner.rewards.source import Rewards
from services.learner.rollouts.batch import Batch
from somersault.domain.actions import leave_out_still
from somersault.domain.arrays import ActionArray, FloatArray
from somersault.domain.trajectory import Rollout
from somersault.reward_model import RewardEnsemble
from somersault.rpc import Notifier, wait_for_change

__all__ = ["PredictedRewards"]

_MAX_POSITIONS = 4096
"""Incarnations reported; the oldest are forgotten first."""


_SILENCE_S = 1.0
"""In free pacing, how long a batch waits for a service that says nothing."""

_log = structlog.get_logger()

_IS_ALONE = prometheus_client.Gauge(
    "somersault_learner_without_reward_service",
    "1 while the learner goes on with its copy of the reward model because the reward service says nothing",
)


class WantSegments(Protocol):
    """Told whether simulators are needed for their segments alone."""

    def __call__(self, *, is_wanted: bool) -> None:
        """Let simulators gather while the learner waits, or no longer."""
        ...


class PredictedRewards:
    """Scores batches with the newest reward model. Used from one event loop.

    A batch is scored once the reward service has settled its step. `run` keeps the copy up to date.
    """

    def __init__(
        self,
        address: str,
        *,
        is_lockstep: bool,
        want_segments: WantSegments | None = None,
        finish: Callable[[], None] = lambda: None,
        certificates: Path | None = None,
    ) -> None:
        """Set up scoring without a reward model yet.

        Args:
            address: ``host:port`` of the reward service.
            is_lockstep: Wait even for a reward service that is away; otherwise go on with the copy at hand, as far as
                the service allowed.
            want_segments: Told whether simulators are needed for their segments alone.
            finish: Called when the run is to finish now.
            certificates: As in `somersault.rpc.open_channel`.
        """
        self.client = RewardClient(address, self, certificates=certificates)
        self._is_lockstep = is_lockstep
        self._want_segments = want_segments
        self._finish = finish
        self._update = RewardUpdate()
        self._is_connected = False
        self._is_silent = False
        """Whether the service has said nothing for longer than a batch may wait for it."""
        self.is_alone = False
        """Whether the last batch was scored without the service's word, with the copy at hand."""
        self._changed = Notifier()
        self._positions: dict[str, int] = {}

    async def rewards_for(self, batch: Batch, *, env_steps: int) -> Rewards | None:
        """Wait until everything due at ``env_steps`` is learned, then score the batch; None before the first labels are."""
        self._note_positions(batch)
        self.client.report(env_steps=env_steps, positions=self._positions)
        await self._wait_until_settled(env_steps)
        update = self._update
        if update.ensemble is None or not update.is_pretrained:
            return None
        rewards, mean = await asyncio.to_thread(_score, update.ensemble, batch)
        return Rewards(rewards=rewards, predicted_mean=mean, reward_version=update.reward_version)

    async def run(self) -> None:
        """Keep the copy of the reward model up to date until cancelled.

        Raises:
            SomersaultError: The reward service refuses for good, or sent something that isn't a reward model.
        """
        await self.client.run()

    def updated(self, update: RewardUpdate) -> None:
        """Take over what the reward service says, and wake the batch that waits."""
        self._update = update
        self._pass_on_wanted(is_wanted=update.wants_segments)
        if update.is_finishing:
            self._finish()
        self._set_connected(is_connected=True)

    def lost(self) -> None:
        """Go on without the reward service, as far as it allowed."""
        self._pass_on_wanted(is_wanted=False)
        self._set_connected(is_connected=False)

    async def _wait_until_settled(self, env_steps: int) -> None:
        """Wait for the reward service; in free pacing no longer than it takes to be sure that it says nothing.

        One that holds the learner says how far it may go. So a learner that may go on and isn't told to waits for a service that
        hangs, is stopped or is busy, and goes on with its copy.
        """
        clock = asyncio.get_running_loop()
        began_s = clock.time()
        self._is_silent = False
        while not self._is_settled(env_steps):
            left_s = None if self._is_lockstep or self._is_silent else began_s + _SILENCE_S - clock.time()
            if left_s is not None and left_s <= 0:
                self._is_silent = True
                continue
            await wait_for_change(self._changed.next, timeout_s=left_s)
        is_alone = self._update.settled_env_steps < env_steps
        if is_alone != self.is_alone:
            _log.warning("reward_service_silent" if is_alone else "reward_service_heard", env_steps=env_steps)
        self.is_alone = is_alone
        _IS_ALONE.set(is_alone)

    def _note_positions(self, batch: Batch) -> None:
        if self._is_lockstep:
            self._positions.clear()  # one simulator gathers; those before it are gone and must not be waited for
        for part in batch.parts:
            self._positions.pop(part.incarnation, None)  # so that the oldest stay first
            self._positions[part.incarnation] = part.sequence
        while len(self._positions) > _MAX_POSITIONS:
            del self._positions[next(iter(self._positions))]

    def _is_settled(self, env_steps: int) -> bool:
        update = self._update
        if update.settled_env_steps >= env_steps:
            return True
        if self._is_lockstep or (self._is_connected and not self._is_silent):
            return False
        is_usable = update.ensemble is not None and update.is_pretrained
        return is_usable and (update.horizon_env_steps is None or env_steps <= update.horizon_env_steps)

    def _pass_on_wanted(self, *, is_wanted: bool) -> None:
        if self._want_segments is not None:
            self._want_segments(is_wanted=is_wanted)

    def _set_connected(self, *, is_connected: bool) -> None:
        self._is_connected = is_connected
        self._changed.notify()


def _score(ensemble: RewardEnsemble, batch: Batch) -> tuple[FloatArray, float]:
    """Return rewards ``[T, N]``, normalised, and their mean before that."""
    rollout = batch.rollout
    predictions = ensemble.predict_steps(rollout.observations, _executed(rollout))
    return normalise_rewards(predictions), float(predictions.mean())


def _executed(rollout: Rollout) -> ActionArray:
    """Return actions as the environment executed them: vectors clipped to ±1, choices as made, none while it stood still."""
    actions: ActionArray = rollout.actions
    if actions.dtype != np.int32:
        actions = np.clip(actions.astype(np.float32), np.float32(-1), np.float32(1))
    return actions if rollout.is_still is None else leave_out_still(actions, rollout.is_still)
