"""Labelers in memory and real ones, the gateway before them, clips and a browser."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect

from somersault.rpc import bind, create_server
from somersault.runtime.urls import file_url
from somersault.storage import open_store
from somersault.v1 import simulator_pb2_grpc
from tests.services.labeler import running
from tests.services.web.gateways import serving_gateway
from tests.services.web.labeler_double import LabelerDouble, LabelerProcess, draw_clip
from tests.services.web.page import watched_run
from tests.services.web.real_labeler import RUN_ID, RealLabeler, Simulator, propose

CHROMIUM = "/usr/bin/chromium"
FOLDER = Path(__file__).parent

expect.set_options(timeout=20_000)  # a machine that other tests share takes its time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run this folder's tests in one event loop, because the browser that they share lives in it.

    Their fixtures say ``loop_scope="session"`` for the same reason.
    """
    for item in items:
        if item.path.is_relative_to(FOLDER) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def clips() -> list[bytes]:
    """Eight little videos."""
    return [draw_clip(seed) for seed in range(8)]


@pytest_asyncio.fixture(loop_scope="session")
async def labeler(clips, free_port) -> AsyncIterator[LabelerProcess]:
    """A labeler that serves."""
    process = LabelerProcess(LabelerDouble(clips), free_port)
    await process.start()
    yield process
    await process.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def gateway_url(labeler) -> AsyncIterator[str]:
    """The address of a gateway before the labeler."""
    async with serving_gateway(f"127.0.0.1:{labeler.port}", run_id="flip-1") as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def http(gateway_url) -> AsyncIterator[httpx.AsyncClient]:
    """A third party's client of the gateway."""
    headers = {"authorization": "Bearer labeler-token"}
    async with httpx.AsyncClient(base_url=gateway_url, headers=headers, timeout=20) as client:
        yield client


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a real Chromium."""
    if shutil.which(CHROMIUM) is None:
        pytest.skip(f"{CHROMIUM} is not installed: apt-get install chromium")
    return CHROMIUM


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def launched_browser(chromium) -> AsyncIterator[Browser]:
    """One Chromium for all tests: to start it takes longer than most of them."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--headless"]
        )
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="session")
async def browser(launched_browser) -> AsyncIterator[Browser]:
    """A real Chromium without contexts: cookies and storage are each test's own."""
    yield launched_browser
    for context in launched_browser.contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser) -> AsyncIterator[Page]:
    """A tab; an error in a script fails the test."""
    tab = await browser.new_page(viewport={"width": 1280, "height": 800})
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    assert errors == []


@pytest_asyncio.fixture(loop_scope="session")
async def simulator_port(tmp_path, clips) -> AsyncIterator[int]:
    """The port of a simulator that renders clips."""
    server = create_server()
    simulator = Simulator(open_store(file_url(tmp_path)), clips)
    simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(simulator, server)
    port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    yield port
    await server.stop(0)


@pytest_asyncio.fixture(loop_scope="session")
async def real_labeler(tmp_path, free_port, simulator_port) -> AsyncIterator[RealLabeler]:
    """The labeler's process with a run whose clips are rendered."""
    process = RealLabeler(tmp_path, port=free_port, simulator_port=simulator_port)
    process.start()
    await propose(process)
    yield process
    process.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def real_url(real_labeler) -> AsyncIterator[str]:
    """The address of a gateway before the labeler's process."""
    async with serving_gateway(real_labeler.address, run_id=RUN_ID) as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def whole_labeler(tmp_path, simulator_port) -> AsyncIterator[running.RunningLabeler]:
    """The real labeler in this process, with a run and no queries yet."""
    settings = {
        "storage_url": file_url(tmp_path),
        "simulator_addresses": (f"127.0.0.1:{simulator_port}",),
    }
    async with running.running_labeler(tmp_path, **settings) as labeler:
        await labeler.create_run()
        yield labeler


@pytest_asyncio.fixture(loop_scope="session")
async def whole_url(whole_labeler) -> AsyncIterator[str]:
    """The address of a gateway before it."""
    async with serving_gateway(whole_labeler.address, run_id=running.RUN_ID) as url:
        yield url


@pytest.fixture(scope="module")
def labeler_process(tmp_path_factory) -> Iterator[watched_run.LabelerProcess]:
    """One labeler's process for all of a file's tests, each of which has a run of its own."""
    folder, simulator_port = tmp_path_factory.mktemp("labeler"), watched_run.free_port()
    process = RealLabeler(folder, port=watched_run.free_port(), simulator_port=simulator_port)
    process.start()
    yield watched_run.LabelerProcess(process, folder, simulator_port)
    process.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def run(labeler_process, clips, request) -> AsyncIterator[watched_run.WatchedRun]:
    """A new run of the real labeler, a simulator that renders for it, and a gateway."""
    run_id = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:64]
    async with watched_run.watching(labeler_process, clips, run_id=run_id) as watched:
        yield watched
