"""Progress from services any of which may be away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from somersault.cli.monitoring.progress import RunProgress
from somersault.cli.monitoring.watcher import ProgressWatcher
from somersault.cli.run.folder import RunFolder
from somersault.cli.services.connections import ServiceStubs, connect
from somersault.cli.services.ports import choose_ports
from somersault.errors import UnauthenticatedError
from somersault.rpc import bind, create_server
from somersault.rpc.server import set_serving
from somersault.v1 import labeler_pb2
from tests.somersault.cli.conftest import make_config
from tests.somersault.cli.fakes import Labeler, add_fakes

SERVICES = ("learner", "simulator", "reward", "labeler")


async def serve(port: int) -> grpc.aio.Server:
    """Start all fake services on one port."""
    server = create_server()
    health = add_fakes(server, storage_url="memory://")
    bind(server, host="127.0.0.1", port=port)
    await server.start()
    await set_serving(health, [], is_serving=True)
    return server


@contextlib.asynccontextmanager
async def watching(
    port: int,
    *,
    token: str = "owner-token",  # noqa: S107
) -> AsyncIterator[ProgressWatcher]:
    """A watcher that runs."""
    async with connect(dict.fromkeys(SERVICES, f"127.0.0.1:{port}"), token=token) as stubs:
        watcher = make_watcher(stubs)
        task = asyncio.create_task(watcher.run())
        yield watcher
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def make_watcher(stubs: ServiceStubs, **changes: object) -> ProgressWatcher:
    """A watcher of a run of 1,000 steps and 9 labels."""
    return ProgressWatcher(stubs, config=make_config(RunFolder(Path("run"))), **changes)


async def until_finished(watcher: ProgressWatcher) -> RunProgress:
    """Wait for the learner's end and one round of everything else."""
    async with asyncio.timeout(30):
        await watcher.finished.wait()
        while watcher.snapshot().num_labels == 0 or watcher.snapshot().flips_mean is None:
            await asyncio.sleep(0.05)
    return watcher.snapshot()


async def test_progress_comes_from_every_service() -> None:
    """Steps from the learner, labels from the labeler, agreement from the reward service, return from the simulator."""
    port = choose_ports(1)[0]
    server = await serve(port)
    async with watching(port) as watcher:
        progress = await until_finished(watcher)
        await watcher.refresh()
        progress = watcher.snapshot()
    await server.stop(None)
    assert progress.is_finished
    assert (progress.env_steps, progress.policy_version, progress.reward_version) == (1000, 3, 2)
    assert (progress.num_labels, progress.label_budget, progress.num_open_queries) == (7, 9, 2)
    assert progress.has_labels
    assert (progress.true_return_mean, progress.flips_mean, progress.landed_flips_mean) == (100, 1.5, 0.5)
    assert (progress.preference_accuracy, progress.num_accuracy_preferences) == (0.75, 6)
    assert progress.statistics == {"policy_loss": 0.25}


async def test_an_owners_pause_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The learner does not know of it: it waits for labels as ever."""

    async def paused(*_: object) -> labeler_pb2.GetStatsResponse:
        return labeler_pb2.GetStatsResponse(num_answered=7, is_paused=True)

    port = choose_ports(1)[0]
    monkeypatch.setattr(Labeler, "GetStats", paused)
    server = await serve(port)
    async with watching(port) as watcher:
        assert not watcher.snapshot().is_paused
        assert (await until_finished(watcher)).is_paused
    await server.stop(None)


async def test_watcher_survives_that_nobody_is_there_yet() -> None:
    """It waits for the services and then tells."""
    port = choose_ports(1)[0]
    async with watching(port) as watcher:
        await asyncio.sleep(0.5)
        assert watcher.snapshot().state == "starting"
        server = await serve(port)
        assert (await until_finished(watcher)).num_labels == 7
        await server.stop(None)


async def test_last_word_stands_while_a_service_is_away() -> None:
    """A restart does not blank the display."""
    port = choose_ports(1)[0]
    server = await serve(port)
    async with watching(port) as watcher:
        before = await until_finished(watcher)
        await server.stop(None)
        await asyncio.sleep(1.5)
        assert watcher.snapshot() == before


async def test_wrong_token_is_not_waited_out() -> None:
    """A refusal won't pass, so it is raised."""
    port = choose_ports(1)[0]
    server = await serve(port)
    async with connect(dict.fromkeys(SERVICES, f"127.0.0.1:{port}"), token="wrong") as stubs:
        with pytest.raises(BaseExceptionGroup) as raised:
            await asyncio.wait_for(make_watcher(stubs).run(), 30)
    await server.stop(None)
    assert raised.group_contains(UnauthenticatedError)


async def test_reference_run_has_no_labels_and_no_agreement() -> None:
    """Without reward service and labeler nobody is asked for them."""
    port = choose_ports(1)[0]
    server = await serve(port)
    async with connect(dict.fromkeys(SERVICES[:2], f"127.0.0.1:{port}"), token="x") as stubs:
        assert stubs.reward is None
        watcher = make_watcher(stubs)
        await watcher.refresh()
    await server.stop(None)
    assert watcher.snapshot().preference_accuracy is None
    assert watcher.snapshot().true_return_mean == 100


def make_progress(**changes: object) -> RunProgress:
    """Progress in the middle of a run."""
    values: dict[str, object] = {
        "state": "learning",
        "is_finished": False,
        "env_steps": 250,
        "total_env_steps": 1000,
        "env_steps_per_s": 10.0,
        "policy_version": 1,
        "reward_version": 1,
        "num_labels": 3,
        "label_budget": 9,
        "num_labels_due": 4,
        "num_open_queries": 1,
        "true_return_mean": 1234.4,
        "flips_mean": 1.25,
        "landed_flips_mean": 0.5,
        "predicted_reward_mean": -0.5,
        "preference_accuracy": 0.8,
        "num_accuracy_preferences": 10,
        "statistics": {"policy_loss": 0.25},
    }
    return RunProgress(**{**values, **changes})  # type: ignore[arg-type]


def test_time_left_of_people_is_theirs() -> None:
    """Six answers at one in four seconds are 24 s; after the second answer nobody can tell; steps count where they take longer."""
    people = {"is_labelled_by_people": True, "labels_per_s": 0.25}
    assert make_progress(**people, env_steps_per_s=0.0).time_left_s == 24.0
    assert make_progress(**people, num_awaited=3, env_steps_per_s=1.0).time_left_s == 24.0
    assert make_progress(**people).time_left_s == 75.0
    assert make_progress(is_labelled_by_people=True, env_steps_per_s=0.02).time_left_s is None
    assert make_progress(**people, num_labels=9).time_left_s == 75.0


async def test_a_resumed_run_is_where_it_was_until_the_learner_says() -> None:
    """Neither the display nor the curves run back to step 0 while the learner restores."""
    port = choose_ports(1)[0]
    async with connect(dict.fromkeys(SERVICES, f"127.0.0.1:{port}"), token="x") as stubs:
        watcher = make_watcher(stubs, earlier_env_steps=640)
        progress = watcher.snapshot()
    assert (progress.env_steps, progress.has_learner, progress.env_steps_per_s) == (640, False, 0.0)
    assert not progress.has_labels, "the labeler has not said yet how many there are"


def test_time_left_is_what_the_present_speed_needs() -> None:
    """750 steps at 10 a second are 75 s; at 0 nobody knows; past the end nothing is left."""
    assert make_progress().time_left_s == 75.0
    assert make_progress(env_steps_per_s=0.0).time_left_s is None
    assert make_progress(env_steps=1100).time_left_s == 0.0
