"""The learner as a whole, over the wire: a reference run to its end, and what each kind of run refuses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from services.learner.application import LearnerApplication, build
from services.learner.config import LearnerConfig
from services.learner.progress import LearnerState
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.tasks import get_task
from tests.services.learner.serving import Simulator, serving

_SPEC = get_task("pendulum").spec
_STEPS = 16


async def _build(folder: Path, *, is_reference: bool) -> LearnerApplication:
    """Return a learner of two rollouts of 4 steps of 2 environments, of which a rollout is made."""
    return await build(
        LearnerConfig(
            task="pendulum",
            run_id="r",
            storage_url=file_url(folder),
            is_reference=is_reference,
            rollout_steps=4,
            total_env_steps=_STEPS,
            reward_address="127.0.0.1:9",  # nothing listens there
        )
    )


async def _until_finished(application: LearnerApplication) -> None:
    async with asyncio.timeout(30):
        async for progress in application.loop.progress.watch():
            if progress.state is LearnerState.FINISHED:
                return


async def test_a_reference_run_learns_on_true_rewards_to_its_end(tmp_path: Path) -> None:
    """No reward service is dialled; two improvements make policy 2, which is stored and served to the end."""
    application = await _build(tmp_path, is_reference=True)
    async with serving(application) as address:
        simulator = Simulator(address, _SPEC)
        collecting = asyncio.create_task(simulator.collect_reference())
        await _until_finished(application)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
    progress = application.loop.progress.value
    assert (progress.env_steps, progress.policy_version, progress.reward_version) == (_STEPS, 2, 0)
    assert [policy.policy_version for policy in simulator.policies][:2] == [0, 1]
    assert sorted(open_store(file_url(tmp_path)).list("r/")) == [
        f"r/checkpoints/learner/{_STEPS:012d}.safetensors",
        "r/policies/00000002.safetensors",
    ]


async def test_a_finished_run_is_finished_when_it_is_started_again(tmp_path: Path) -> None:
    """Without a simulator: it has made its steps."""
    application = await _build(tmp_path, is_reference=True)
    async with serving(application) as address:
        collecting = asyncio.create_task(Simulator(address, _SPEC).collect_reference())
        await _until_finished(application)
        collecting.cancel()
        await asyncio.gather(collecting, return_exceptions=True)
    again = await _build(tmp_path, is_reference=True)
    async with serving(again):
        await _until_finished(again)
    assert again.loop.progress.value.policy_version == 2


@pytest.mark.parametrize("is_reference", [True, False])
async def test_a_learner_serves_one_kind_of_run(is_reference: bool, tmp_path: Path) -> None:
    """Simulators of the other kind are told so and send nothing."""
    application = await _build(tmp_path, is_reference=is_reference)
    async with serving(application) as address:
        simulator = Simulator(address, _SPEC)
        with pytest.raises(grpc.aio.AioRpcError, match="reference run") as refused:
            await (simulator.collect() if is_reference else simulator.collect_reference())
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert simulator.policies == []


async def test_what_was_learned_is_stored_at_the_end_of_the_service(tmp_path: Path) -> None:
    """Whatever was not yet, as on SIGTERM."""
    application = await _build(tmp_path, is_reference=False)
    await application.drain()
    assert sorted(open_store(file_url(tmp_path)).list("r/")) == [
        "r/checkpoints/learner/000000000000.safetensors",
        "r/policies/00000000.safetensors",
    ]
