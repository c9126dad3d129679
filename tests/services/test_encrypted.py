"""Each service dials its peers over mutual TLS, by the names that their certificates have."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from services.labeler.simulator_client import SimulatorClients
from services.learner.rewards.predicted import PredictedRewards
from services.learner.rewards.source import running
from services.reward.labeler_client import LabelerClient
from services.simulator.application import build as build_simulator
from services.simulator.config import SimulatorConfig
from services.teacher.application import build as build_teacher
from services.teacher.config import TeacherConfig
from tests.certificates import Authority
from tests.services.web.gateways import serving_gateway
from tests.somersault.rpc.tls.servers import serving

Dial = Callable[[str, Path, Path], Awaitable[object]]


async def _simulator(address: str, certificates: Path, folder: Path) -> None:
    config = SimulatorConfig(
        task="pendulum",
        storage_url=folder.as_uri(),
        learner_address=address,
        reward_address=address,
        num_environments=1,
        has_rendering=False,
        certificates_path=certificates,
    )
    application = await build_simulator(config)
    try:
        await application.run()
    finally:
        await application.drain()


async def _learner(address: str, certificates: Path, _: Path) -> None:
    async with running(PredictedRewards(address, is_lockstep=True, certificates=certificates)):
        await asyncio.Event().wait()


async def _reward(address: str, certificates: Path, _: Path) -> None:
    client = LabelerClient(address, token="t", run_id="r", certificates=certificates)
    await client.create_run(task="pendulum", question="?", guidelines="")
    await asyncio.Event().wait()


async def _teacher(address: str, certificates: Path, folder: Path) -> None:
    config = TeacherConfig(
        run_id="r",
        storage_url=folder.as_uri(),
        labeler_address=address,
        token="t",
        certificates_path=certificates,
    )
    await (await build_teacher(config)).run()


async def _labeler(address: str, certificates: Path, _: Path) -> None:
    clients = SimulatorClients((address,), timeout_s=5, certificates=certificates)
    await clients.true_returns(task="pendulum")
    await clients.close()


async def _web(address: str, certificates: Path, _: Path) -> None:
    async with serving_gateway(address, certificates_path=certificates) as url, httpx.AsyncClient() as client:
        call = f"{url}/somersault.v1.LabelerService/WhoAmI"
        (
            await client.post(call, json={}, headers={"authorization": "Bearer a-token-0123456789"})
        ).raise_for_status()


@pytest.mark.parametrize(
    ("word", "dial", "peers"),
    [
        ("simulator", _simulator, {"learner": "Collect", "reward": "OfferSegments"}),
        ("learner", _learner, {"reward": "WatchRewardModel"}),
        ("reward", _reward, {"labeler": "CreateRun"}),
        ("teacher", _teacher, {"labeler": "WhoAmI"}),
        ("labeler", _labeler, {"simulator": "GetEpisodeStatistics"}),
        ("web", _web, {"labeler": "WhoAmI"}),
    ],
)
async def test_each_service_reaches_its_peers_with_its_certificate(
    tmp_path: Path, word: str, dial: Dial, peers: dict[str, str]
) -> None:
    """The peers' certificates have no names but their own."""
    authority = Authority()
    own = authority.write(tmp_path / word, word)
    first, *others = peers
    server = authority.write(tmp_path / "peer", first, names=others)
    async with serving(server) as served, asyncio.timeout(120):
        dialling = asyncio.ensure_future(dial(served.address, own, tmp_path))
        try:
            while not set(peers.values()) <= {path.rpartition("/")[2] for path in served.application.served}:
                assert not dialling.done(), dialling.exception()
                await asyncio.sleep(0.02)
        finally:
            dialling.cancel()
            await asyncio.gather(dialling, return_exceptions=True)
