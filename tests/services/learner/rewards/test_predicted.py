"""Scoring a batch with the learner's copy of the reward model, and passing on what the reward service needs."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from services.learner.rewards.normaliser import normalise_rewards
from services.learner.rewards.predicted import PredictedRewards, _score
from services.learner.rollouts.batch import Batch
from somersault.domain.trajectory import Rollout
from somersault.reward_model import RewardEnsemble, RewardModelConfig
from somersault.rpc import Backoff
from somersault.v1 import reward_pb2


def _batch(observations: np.ndarray, actions: np.ndarray) -> Batch:
    steps = actions.shape[:2]
    rollout = Rollout(
        sequence=0,
        policy_version=0,
        observations=observations,
        actions=actions,
        log_probs=np.zeros(steps, np.float32),
        is_truncated=np.zeros(steps, np.bool_),
        final_observations=observations[:0, 0],
        next_observations=observations[-1],
    )
    return Batch(parts=(), rollout=rollout)


def test_a_vector_is_scored_as_it_was_executed() -> None:
    """Actions of 5 and of 1 are the same to the environment, so their rewards are too."""
    ensemble = RewardEnsemble(RewardModelConfig(frame_shape=(3,), action_dim=1), seed=0)
    actions = np.float32([[[5.0], [1.0]], [[-1.0], [-7.0]]])

    rewards, mean = _score(ensemble, _batch(np.ones((2, 2, 3), np.float32), actions))

    assert rewards.shape == (2, 2)
    np.testing.assert_allclose(rewards[:, 0], rewards[:, 1], atol=1e-6)
    assert abs(rewards[0, 0] - rewards[1, 0]) > 1
    executed = np.float32([[1.0], [-1.0]])
    assert np.isclose(mean, ensemble.predict(np.ones((2, 3), np.float32), executed).mean(), atol=1e-6)


@pytest.mark.parametrize("is_discrete", [True, False])
def test_a_step_that_stood_still_is_scored_as_one_without_an_action(*, is_discrete: bool) -> None:
    """Whatever the policy drew: the reward model tells the end of an episode from a state that looks the same."""
    config = RewardModelConfig(
        frame_shape=(3,), action_dim=0 if is_discrete else 2, num_actions=2 if is_discrete else 0
    )
    ensemble = RewardEnsemble(config, seed=0)
    actions = np.int32([[0], [1], [1]]) if is_discrete else np.float32([[[0.5, 1]], [[-1, 0]], [[-1, 0]]])
    batch = _batch(np.ones((3, 1, 3), np.float32), actions)
    rollout = dataclasses.replace(batch.rollout, is_still=np.array([[False], [False], [True]]))

    scored, _ = _score(ensemble, dataclasses.replace(batch, rollout=rollout))
    unmarked, _ = _score(ensemble, batch)

    executed = actions[:, 0].copy()
    executed[2] = -1 if is_discrete else -2
    predictions = ensemble.predict(np.ones((3, 3), np.float32), executed)
    np.testing.assert_allclose(scored, normalise_rewards(predictions[..., None]), atol=1e-5)
    assert scored[2, 0] != pytest.approx(scored[1, 0])
    assert unmarked[2, 0] == pytest.approx(unmarked[1, 0])


def test_pictures_are_scored_from_frames_held_once() -> None:
    """Five frames of two environments are the observations of three steps; rewards have mean 0."""
    config = RewardModelConfig(frame_shape=(43, 44), num_frames=3, num_actions=4)
    frames = np.random.default_rng(0).integers(0, 256, (5, 2, 43, 44), np.uint8)

    rewards, _ = _score(RewardEnsemble(config, seed=0), _batch(frames, np.full((3, 2), 3, np.int32)))

    assert rewards.shape == (3, 2)
    assert abs(float(rewards.mean())) < 1e-5
    assert 0.5 < float(rewards.std()) <= 1.0001


class ServiceDouble:
    """Sends updates and then is lost, when told to."""

    def __init__(self, *updates: reward_pb2.RewardModelUpdate) -> None:
        self._updates = updates
        self.is_lost = asyncio.Event()

    async def WatchRewardModel(self, requests: Any) -> AsyncIterator[reward_pb2.RewardModelUpdate]:
        """Send all."""
        for update in self._updates:
            yield update
        await self.is_lost.wait()


def _update(**values: Any) -> reward_pb2.RewardModelUpdate:
    ensemble = RewardEnsemble(RewardModelConfig(frame_shape=(3,), action_dim=1), seed=0)
    return reward_pb2.RewardModelUpdate(
        reward_version=1, weights=ensemble.to_bytes(), is_pretrained=True, **values
    )


async def _lose(rewards: PredictedRewards, update: reward_pb2.RewardModelUpdate) -> None:
    """Follow a service that sends one update and dies."""
    service = ServiceDouble(update)
    service.is_lost.set()
    await rewards.client.follow(service, Backoff())  # type: ignore[arg-type]


def _plain_batch() -> Batch:
    return _batch(np.ones((2, 2, 3), np.float32), np.zeros((2, 2, 1), np.float32))


async def test_a_learner_that_lost_the_service_goes_on_with_its_copy() -> None:
    """Without limit, if the service set no bound."""
    rewards = PredictedRewards("", is_lockstep=False)
    await _lose(rewards, _update(settled_env_steps=10))
    async with asyncio.timeout(5):
        assert await rewards.rewards_for(_plain_batch(), env_steps=10_000)


async def test_a_learner_that_lost_the_service_goes_no_further_than_it_may() -> None:
    """The steps of a run with people must not be used up while the service that waits for them restarts."""
    rewards = PredictedRewards("", is_lockstep=False)
    await _lose(rewards, _update(settled_env_steps=10, horizon_env_steps=20))
    async with asyncio.timeout(5):
        assert await rewards.rewards_for(_plain_batch(), env_steps=20)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await rewards.rewards_for(_plain_batch(), env_steps=21)


async def test_what_the_service_wants_of_the_learner_is_passed_on() -> None:
    """Segments for as long as the service is connected and needs them; the end once."""
    wanted: list[bool] = []
    finished: list[str] = []
    rewards = PredictedRewards(
        "",
        is_lockstep=False,
        want_segments=lambda *, is_wanted: wanted.append(is_wanted),
        finish=lambda: finished.append("now"),
    )
    await _lose(rewards, _update(wants_segments=True, is_finishing=True))
    assert (wanted, finished) == ([True, False], ["now"])


async def test_a_service_that_says_nothing_is_not_waited_for() -> None:
    """In free pacing a stopped or hung service holds a batch for a second, and the learner says that it goes on alone."""
    rewards = PredictedRewards("", is_lockstep=False)
    rewards.updated(rewards.client._read(_update(settled_env_steps=10)))
    began_s = asyncio.get_running_loop().time()
    async with asyncio.timeout(5):
        assert await rewards.rewards_for(_plain_batch(), env_steps=100)
    assert rewards.is_alone
    assert asyncio.get_running_loop().time() - began_s < 3
    rewards.updated(rewards.client._read(_update(settled_env_steps=200)))
    assert await rewards.rewards_for(_plain_batch(), env_steps=200)
    assert not rewards.is_alone


async def test_a_service_that_holds_the_learner_is_waited_for_however_long() -> None:
    """It said how far the learner may go; and in lockstep silence is what waiting for labels sounds like."""
    for is_lockstep, horizon in ((False, {"horizon_env_steps": 50}), (True, {})):
        rewards = PredictedRewards("", is_lockstep=is_lockstep)
        rewards.updated(rewards.client._read(_update(settled_env_steps=10, **horizon)))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.3):
                await rewards.rewards_for(_plain_batch(), env_steps=100)
