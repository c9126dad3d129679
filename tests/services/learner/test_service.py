"""What the learner answers to its rpcs: control, progress, the newest policy, and who may not collect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.learner.config import LearnerConfig
from services.learner.progress import LearnerState
from services.learner.rollouts.conversation import CollectConversation
from services.learner.service import LearnerServicer
from somersault.domain.task_spec import TaskSpec
from somersault.errors import FailedPreconditionError, InvalidInputError, UnavailableError
from somersault.storage import open_store
from somersault.v1 import learner_pb2
from tests.services.learner.doubles import FailingStore, LearnerDouble, running

_SPEC = TaskSpec(task="t", frame_shape=(2,), action_dim=1, episode_steps=50, segment_steps=10, step_s=0.01)


def _servicer(learner: LearnerDouble, **settings: Any) -> LearnerServicer:
    config = LearnerConfig(task="t", run_id="r", storage_url="file:///nowhere", **settings)
    conversation = CollectConversation(
        config=config, spec=_SPEC, collector=learner.collector, env_steps=lambda: 0
    )
    return LearnerServicer(
        config=config, conversation=conversation, collector=learner.collector, loop=learner.loop
    )


async def _control(servicer: LearnerServicer, action: int) -> learner_pb2.Progress:
    """Return the progress that an action is answered with."""
    return (await servicer.Control(learner_pb2.ControlRequest(action=action), None)).progress  # type: ignore[arg-type]


async def test_a_pause_and_a_resume_are_answered_with_where_the_learner_stands() -> None:
    """Either may be repeated."""
    async with running(open_store("memory://")) as learner:
        servicer = _servicer(learner)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 0)
        for _ in range(2):
            told = await _control(servicer, learner_pb2.CONTROL_ACTION_PAUSE)
            assert told.state == learner_pb2.LEARNER_STATE_PAUSED
        for _ in range(2):
            told = await _control(servicer, learner_pb2.CONTROL_ACTION_RESUME)
            assert told.state == learner_pb2.LEARNER_STATE_WAITING_FOR_REWARD
        assert (told.run_id, told.total_env_steps, told.num_simulators) == ("r", 30, 1)


async def test_a_checkpoint_is_answered_once_it_is_stored() -> None:
    """The answer names its step."""
    store = open_store("memory://")
    async with running(store) as learner:
        await learner.source.settle(10)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        told = await _control(_servicer(learner), learner_pb2.CONTROL_ACTION_CHECKPOINT)
        assert told.checkpoint_env_steps == 10
        assert list(store.list("r/checkpoints/")) == ["r/checkpoints/learner/000000000010.safetensors"]


async def test_a_checkpoint_that_can_not_be_stored_is_an_error() -> None:
    """Whoever asked must not believe that it is there."""
    store = FailingStore()
    store.is_away = True
    async with running(store) as learner:
        with pytest.raises(UnavailableError, match="no checkpoint was stored"):
            await _control(_servicer(learner), learner_pb2.CONTROL_ACTION_CHECKPOINT)


async def test_a_stop_finishes_the_run_early() -> None:
    """With the steps made so far as all that there are."""
    async with running(open_store("memory://")) as learner:
        servicer = _servicer(learner)
        await learner.source.settle(10)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        await _control(servicer, learner_pb2.CONTROL_ACTION_STOP)
        await learner.until(LearnerState.FINISHED, 10)
        told = await _control(servicer, learner_pb2.CONTROL_ACTION_STOP)
        assert (told.state, told.total_env_steps) == (learner_pb2.LEARNER_STATE_FINISHED, 10)


async def test_an_action_that_is_none_is_refused() -> None:
    """The error names those that are."""
    servicer = _servicer(LearnerDouble(open_store("memory://")))
    with pytest.raises(InvalidInputError, match=r"action is 0, must be pause, resume, checkpoint or stop"):
        await _control(servicer, learner_pb2.CONTROL_ACTION_UNSPECIFIED)


async def test_there_is_no_policy_before_the_loop_runs() -> None:
    """Then the newest is given."""
    learner = LearnerDouble(open_store("memory://"))
    servicer, request = _servicer(learner), learner_pb2.GetPolicyRequest()
    with pytest.raises(FailedPreconditionError, match="no policy is published yet"):
        await servicer.GetPolicy(request, None)  # type: ignore[arg-type]
    learning = asyncio.create_task(learner.loop.run())
    await asyncio.sleep(0)
    policy = await servicer.GetPolicy(request, None)  # type: ignore[arg-type]
    assert (policy.policy_version, bool(policy.weights)) == (0, True)
    learning.cancel()
    await asyncio.gather(learning, return_exceptions=True)


async def test_progress_is_sent_at_once_and_after_each_change() -> None:
    """In the words of the wire, with the algorithm's statistics by name."""
    async with running(open_store("memory://")) as learner:
        watching = _servicer(learner).WatchProgress(learner_pb2.WatchProgressRequest(), None)  # type: ignore[arg-type]
        assert (await anext(watching)).env_steps == 0
        await learner.source.settle(10)
        await learner.until(LearnerState.WAITING_FOR_REWARD, 10)
        told = await anext(watching)
        assert (told.env_steps, told.policy_version, told.reward_version) == (10, 1, 1)
        assert told.state == learner_pb2.LEARNER_STATE_WAITING_FOR_REWARD
        assert (dict(told.statistics), told.predicted_reward_mean) == ({"loss": 1.0}, 0.5)
        await watching.aclose()


async def test_a_reference_learner_serves_no_collect() -> None:
    """Whoever dials it is told so, and that another try is no use."""

    async def requests() -> AsyncIterator[learner_pb2.CollectRequest]:
        yield learner_pb2.CollectRequest()

    servicer = _servicer(LearnerDouble(open_store("memory://")), is_reference=True)
    with pytest.raises(FailedPreconditionError, match="only CollectReference serves it") as refused:
        await anext(servicer.Collect(requests(), None))  # type: ignore[arg-type]
    assert refused.value.is_hopeless
