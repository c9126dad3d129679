"""Everything that dials again stops where the peer says that no try will ever succeed, and goes on where it says again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from services.learner.rewards.predicted import PredictedRewards
from services.learner.rewards.source import running
from services.reward.feedback.preference_log import LogPosition
from services.reward.labeler_client import LabelerClient
from services.reward.training.retry import retry_while_unavailable
from services.simulator.learner_stream import LearnerStream
from services.simulator.own_run import OwnRun
from services.simulator.reward_stream import RewardStream
from services.simulator.rollouts.gatherer import GathererSettings
from services.simulator.rollouts.gatherer_thread import GathererThread
from services.simulator.segments.offers import OfferRing
from services.teacher.application import build
from services.teacher.config import TeacherConfig
from somersault.cli.monitoring.watcher import ProgressWatcher
from somersault.cli.run.folder import RunFolder
from somersault.cli.run.state import RunStateReporter
from somersault.cli.services.connections import connect
from somersault.errors import (
    FailedPreconditionError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    SomersaultError,
    UnavailableError,
    root_of,
)
from somersault.rpc import bind, create_server
from somersault.storage import open_store
from somersault.tasks import get_task
from tests.somersault.cli.conftest import make_config

Dial = Callable[[str, Path], Awaitable[Any]]


async def _collect(address: str, _: Path) -> None:
    task, settings = get_task("hopper"), GathererSettings(num_environments=2)
    gatherer = GathererThread(task, incarnation="i", settings=settings)
    await LearnerStream(
        task, address=address, own_run=OwnRun(), simulator_id="s", incarnation="i", gatherer=gatherer
    ).run()


async def _offer(address: str, _: Path) -> None:
    await RewardStream(
        get_task("hopper"),
        address=address,
        simulator_id="s",
        incarnation="i",
        offers=OfferRing(9),
        store=open_store("memory://"),
    ).run()


async def _predict(address: str, _: Path) -> None:
    async with running(PredictedRewards(address, is_lockstep=True)):
        await asyncio.Event().wait()  # as the learner's loop does while it waits for rewards


async def _watch_log(address: str, _: Path) -> None:
    async with contextlib.aclosing(LabelerClient(address, token="t", run_id="r").watch(LogPosition())) as log:
        async for _rows in log:
            pass


async def _teach(address: str, folder: Path) -> None:
    settings = {"labeler_address": address, "run_id": "r", "token": "t", "storage_url": folder.as_uri()}
    await (await build(TeacherConfig.model_validate(settings))).run()


async def _watch_run(address: str, folder: Path) -> None:
    addresses = dict.fromkeys(("learner", "simulator", "reward", "labeler"), address)
    async with connect(addresses, token="t") as stubs:
        await ProgressWatcher(stubs, config=make_config(RunFolder(folder))).run()


async def _report_running(address: str, _: Path) -> None:
    await RunStateReporter(address, "t", "r").report_running()


_DIALS: tuple[Dial, ...] = (_collect, _offer, _predict, _watch_log, _teach, _watch_run, _report_running)


class _Refusing(grpc.GenericRpcHandler):
    """Refuses every call of every service with an error, and counts them."""

    def __init__(self, error: SomersaultError) -> None:
        self.error = error
        self.num_calls = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Serves any method; on the wire all kinds of calls begin alike."""
        return grpc.stream_stream_rpc_method_handler(self._refuse)

    async def _refuse(self, _requests: Any, _context: Any) -> AsyncIterator[bytes]:
        self.num_calls += 1
        raise self.error
        yield b""


@contextlib.asynccontextmanager
async def _refusing(error: SomersaultError) -> AsyncIterator[tuple[_Refusing, str]]:
    server = create_server()
    handler = _Refusing(error)
    server.add_generic_rpc_handlers((handler,))
    port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    yield handler, f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.mark.parametrize("dial", _DIALS, ids=lambda dial: dial.__name__)
@pytest.mark.parametrize(
    "error",
    [PermissionDeniedError("not you"), FailedPreconditionError("of another run").never()],
    ids=["by its class", "by its own word"],
)
async def test_a_refusal_for_good_is_raised_at_once(
    dial: Dial, error: SomersaultError, tmp_path: Path
) -> None:
    """With its text; nothing is asked for ever."""
    async with _refusing(error) as (_, address), asyncio.timeout(20):
        with pytest.raises((SomersaultError, ExceptionGroup)) as refused:
            await dial(address, tmp_path)
    told = root_of(refused.value)
    assert isinstance(told, SomersaultError)
    assert told.is_hopeless
    assert str(told) == str(error)


@pytest.mark.parametrize("dial", _DIALS, ids=lambda dial: dial.__name__)
@pytest.mark.parametrize(
    "error",
    [UnavailableError("away"), NotFoundError("not yet"), InvalidInputError("of the stream before").again()],
    ids=["away", "not known yet", "by its own word"],
)
async def test_what_passes_is_tried_again(dial: Dial, error: SomersaultError, tmp_path: Path) -> None:
    """A peer that starts, restarts, or does not know the run yet ends nobody."""
    if dial is _report_running and isinstance(error, InvalidInputError):
        pytest.skip("a refusal of what is asked once, by hand, is told")
    async with _refusing(error) as (handler, address):
        dialling = asyncio.ensure_future(dial(address, tmp_path))
        async with asyncio.timeout(20):
            while handler.num_calls < 3 and not dialling.done():
                await asyncio.sleep(0.02)
        assert not dialling.done()
        dialling.cancel()
        await asyncio.gather(dialling, return_exceptions=True)


class _NoStore:
    """Refuses whatever is put there."""

    def __init__(self, error: SomersaultError) -> None:
        self.error = error
        self.num_puts = 0

    def put(self) -> None:
        """Refuse."""
        self.num_puts += 1
        raise self.error


async def test_a_store_that_refuses_for_good_is_not_asked_again() -> None:
    """One that is away is."""
    store = _NoStore(UnavailableError("not installed").never())
    with pytest.raises(UnavailableError, match="not installed"):
        await retry_while_unavailable(store.put)
    assert store.num_puts == 1
    store = _NoStore(UnavailableError("away"))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await retry_while_unavailable(store.put)
    assert store.num_puts > 1
