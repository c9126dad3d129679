"""The learner's loop: what counts as learned, and that it can be paused, stopped, finished and restored at any moment."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.learner import loop as training_loop
from services.learner.progress import LearnerState
from services.learner.rollouts.session import Assignment, PublishedPolicy
from somersault.storage import open_store
from tests.services.learner.doubles import FailingStore, LearnerDouble, running


async def test_steps_count_once_they_are_learned_from() -> None:
    """A batch that waits for labels doesn't count yet, nor does it after any number of restarts."""
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
    """Otherwise stopping and resuming would finish a run without its last answers."""
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


async def test_without_rewards_it_observes_and_counts_the_steps() -> None:
    """Until the first labels are learned, the policy stays as it is and more rollouts are assigned under it."""
    async with running(open_store("memory://")) as learner:
        learner.source.is_pretrained = False
        await learner.source.settle(20)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 20)
        assert (learner.algorithm.num_observed, learner.algorithm.num_improved) == (2, 0)
        assert (learner.progress.policy_version, learner.progress.statistics) == (0, {})
        assert len([item for item in learner.received if isinstance(item, PublishedPolicy)]) == 1
        assert [item for item in learner.received if item == Assignment(policy_version=0)][3:]


async def test_the_first_rewards_end_the_phase_of_observing() -> None:
    """The next batch improves the policy, which is published as version 1; progress has the algorithm's statistics."""
    async with running(open_store("memory://")) as learner:
        learner.source.is_pretrained = False
        await learner.source.settle(10)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        learner.source.is_pretrained = True
        await learner.source.settle(20)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 20)
        assert (learner.algorithm.num_observed, learner.algorithm.num_improved) == (1, 1)
        told = learner.progress
        assert (told.policy_version, told.reward_version, told.statistics) == (1, 1, {"loss": 1.0})
        assert told.predicted_reward_mean == 0.5
        assert learner.collector.policy is not None
        assert learner.collector.policy.version == 1


async def test_a_stop_ends_the_wait_for_labels() -> None:
    """The batch that waits is dropped, a checkpoint is stored, and the run is finished."""
    store = open_store("memory://")
    async with running(store) as learner:
        await learner.source.settle(10)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        learner.loop.stop()
        await learner.until(LearnerState.FINISHED, 10)
        assert (learner.algorithm.num_improved, learner.progress.checkpoint_env_steps) == (1, 10)
        assert learner.loop.total_env_steps == 10


async def test_a_stop_ends_the_wait_for_simulators_and_a_pause() -> None:
    """A run can finish before anything has happened."""
    learner = LearnerDouble(open_store("memory://"))
    running_loop = asyncio.create_task(learner.loop.run())
    learner.loop.pause()
    await learner.until(LearnerState.PAUSED, 0)
    learner.loop.stop()
    await learner.until(LearnerState.FINISHED, 0)
    await running_loop


async def test_a_finished_run_stays_finished() -> None:
    """Whatever is asked afterwards, so that whoever waits for the end can't miss it."""
    async with running(open_store("memory://")) as learner:
        await learner.source.settle(30)
        await learner.until(LearnerState.FINISHED, 30)
        for say in (learner.loop.pause, learner.loop.resume, learner.loop.stop):
            say()
            assert learner.progress.state is LearnerState.FINISHED


async def test_a_pause_shows_whatever_is_waited_for_and_takes_no_batch() -> None:
    """The batch in work is learned from once its labels are in; the next waits for the end of the pause."""
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
    """It doesn't claim to be learning."""
    async with running(open_store("memory://")) as learner:
        await learner.until(LearnerState.WAITING_FOR_REWARD, 0)
        learner.loop.pause()
        learner.loop.resume()
        assert learner.progress.state is LearnerState.WAITING_FOR_REWARD


async def test_a_restart_goes_on_from_the_newest_checkpoint() -> None:
    """Steps, policy version and the algorithm's state are those of the checkpoint; what came after it is lost."""
    store = open_store("memory://")
    async with running(store) as learner:
        await learner.source.settle(10)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        assert await learner.loop.checkpoint()
        await learner.source.settle(20)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 20)
    async with running(store) as learner:
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        told = learner.progress
        assert (told.policy_version, told.checkpoint_env_steps) == (1, 10)
        assert learner.algorithm.num_improved == 1
        assert learner.received[0] == learner.collector.policy


async def test_a_checkpoint_that_can_not_be_stored_ends_nothing() -> None:
    """The caller is told, learning goes on, and progress still names the checkpoint before."""
    store = FailingStore()
    async with running(store) as learner:
        await learner.source.settle(10)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        assert await learner.loop.checkpoint()
        store.is_away = True
        await learner.source.settle(20)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 20)
        assert not await learner.loop.checkpoint()
        assert learner.progress.checkpoint_env_steps == 10
        assert learner.algorithm.num_improved == 2


async def test_a_checkpoint_that_is_due_follows_each_improvement_until_it_is_stored() -> None:
    """The next improvement tries again."""
    store = FailingStore()
    store.is_away = True
    async with running(store, checkpoint_s=1e-9) as learner:
        await learner.source.settle(10)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        assert (store.num_refused, learner.progress.checkpoint_env_steps) == (1, 0)
        store.is_away = False
        await learner.source.settle(20)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 20)
        assert learner.progress.checkpoint_env_steps == 20


async def test_a_run_is_finished_once_its_last_checkpoint_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unavailable store delays the end; nothing is lost."""
    monkeypatch.setattr(training_loop, "_CHECKPOINT_RETRY_S", 0.01)
    store = FailingStore()
    store.is_away = True
    async with running(store) as learner:
        await learner.source.settle(30)
        await learner.until(LearnerState.LEARNING, 30)
        while store.num_refused < 3:
            await asyncio.sleep(0.01)
        assert learner.progress.state is LearnerState.LEARNING
        store.is_away = False
        await learner.until(LearnerState.FINISHED, 30)
        assert learner.progress.checkpoint_env_steps == 30


async def test_an_improvement_in_work_is_finished_and_counted_when_the_loop_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on SIGTERM: the checkpoint stored then has it, with its steps and its version."""
    has_begun, may_end = threading.Event(), threading.Event()
    store = FailingStore()
    learner = LearnerDouble(store)
    improve = learner.algorithm.improve

    def slow(rollout: object, rewards: object) -> dict[str, float]:
        has_begun.set()
        assert may_end.wait(10)
        return improve(rollout, rewards)

    monkeypatch.setattr(learner.algorithm, "improve", slow)
    await learner.source.settle(10)
    simulating = asyncio.create_task(learner.simulate())
    learning = asyncio.create_task(learner.loop.run())
    assert await asyncio.to_thread(has_begun.wait, 10)
    learning.cancel()
    await asyncio.sleep(0.05)
    assert not learning.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await learning
    assert await learner.loop.checkpoint()
    restored = LearnerDouble(store)
    await restored.loop.restore()
    told = restored.progress
    assert (restored.algorithm.num_improved, told.policy_version, told.env_steps) == (1, 1, 10)
    simulating.cancel()
    await asyncio.gather(simulating, return_exceptions=True)


async def test_a_checkpoint_waits_for_the_improvement_in_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its counters must belong to its arrays."""
    has_begun, may_end = threading.Event(), threading.Event()
    async with running(FailingStore()) as learner:
        improve = learner.algorithm.improve

        def slow(rollout: object, rewards: object) -> dict[str, float]:
            has_begun.set()
            assert may_end.wait(10)
            return improve(rollout, rewards)

        monkeypatch.setattr(learner.algorithm, "improve", slow)
        await learner.source.settle(10)
        assert await asyncio.to_thread(has_begun.wait, 10)
        storing = asyncio.create_task(learner.loop.checkpoint())
        await asyncio.sleep(0.05)
        assert not storing.done()
        may_end.set()
        assert await storing
        assert (learner.progress.policy_version, learner.progress.checkpoint_env_steps) == (1, 10)
