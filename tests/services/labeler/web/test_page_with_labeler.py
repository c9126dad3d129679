"""The page, its gateway and the real labeler, which is killed with SIGKILL while a person answers."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from playwright.async_api import async_playwright

from services.labeler.web.config import Config
from services.labeler.web.serving import serve
from somersault.rpc import bind, create_server, open_channel
from somersault.storage import open_store
from somersault.v1 import labeler_pb2, labeler_pb2_grpc, simulator_pb2, simulator_pb2_grpc, trajectory_pb2

RUN_ID = "flip-1"
NUM_QUERIES = 12


class Simulator(simulator_pb2_grpc.SimulatorServiceServicer):
    """Stores a little video for every clip that is asked for."""

    def __init__(self, store, clips) -> None:
        """Takes where clips go and what they show."""
        self._store = store
        self._clips = clips

    async def Render(self, request, context):
        """Stores the next video."""
        clip = self._clips[len(request.clip_uri) % len(self._clips)]
        stored = await asyncio.to_thread(self._store.put, request.clip_uri, clip)
        return simulator_pb2.RenderResponse(clip_uri=request.clip_uri, clip_sha256=stored.sha256)


class RealLabeler:
    """The labeler's process, on the same port and database whenever it is started."""

    def __init__(self, folder: Path, *, port: int, simulator_port: int) -> None:
        """Writes the tokens."""
        self.tokens = {role: secrets.token_urlsafe(24) for role in ("owner", "service", "labeler")}
        token_path = folder / "tokens.json"
        token_path.write_text(json.dumps(self.tokens))
        token_path.chmod(0o600)
        self.address = f"127.0.0.1:{port}"
        flags = {
            "--port": port,
            "--database-url": f"sqlite:///{folder / 'labels.sqlite'}",
            "--storage-url": f"file://{folder}",
            "--simulator-addresses": f"127.0.0.1:{simulator_port}",
            "--token-path": token_path,
        }
        self._command = [sys.executable, "-m", "services.labeler"]
        for flag, value in flags.items():
            self._command += [flag, str(value)]
        self._log = (folder / "labeler.log").open("w")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process."""
        self._process = subprocess.Popen(self._command, stderr=self._log)

    def kill(self) -> None:
        """Ends the process as a power cut would."""
        self._process.kill()
        self._process.wait()


async def propose(labeler: RealLabeler) -> None:
    """Makes a run with some queries, as the reward service does."""
    proposals = []
    for number in range(NUM_QUERIES):
        names = (f"segment-{number}-a", f"segment-{number}-b")
        segments = [
            trajectory_pb2.StoredSegment(
                segment_id=name,
                segment_uri=f"{RUN_ID}/segments/{name}.safetensors",
                sealed_uri=f"{RUN_ID}/sealed/{name}.safetensors",
                duration_s=1.5,
            )
            for name in names
        ]
        proposals.append(
            labeler_pb2.Proposal(
                proposal_id=f"proposal-{number}", first=segments[0], second=segments[1], wants_clips=True
            )
        )
    async with open_channel(labeler.address, token=labeler.tokens["service"]) as channel:
        stub = labeler_pb2_grpc.LabelerServiceStub(channel)
        run = labeler_pb2.CreateRunRequest(
            run_id=RUN_ID, task="hopper-backflip", question="Which flips better?"
        )
        await stub.CreateRun(run, timeout=30, wait_for_ready=True)
        await stub.ProposeQueries(
            labeler_pb2.ProposeQueriesRequest(run_id=RUN_ID, proposals=proposals), timeout=10
        )


async def read_log(labeler: RealLabeler, *, num_records: int) -> list:
    """Gives the preference log once it has so many rows, and what comes in the second after."""
    records = []
    async with open_channel(labeler.address, token=labeler.tokens["service"]) as channel:
        stub = labeler_pb2_grpc.LabelerServiceStub(channel)
        request = labeler_pb2.WatchPreferencesRequest(run_id=RUN_ID)
        try:
            async for response in stub.WatchPreferences(request, timeout=20, wait_for_ready=True):
                records += response.records
                if len(records) >= num_records:
                    break
        except grpc.aio.AioRpcError as error:
            pytest.fail(f"only {len(records)} of {num_records} answers came: {error.details()}")
    return records


@pytest.fixture
async def real_labeler(tmp_path, clips, free_port) -> AsyncIterator[RealLabeler]:
    """The labeler's process with a run whose clips get drawn."""
    server = create_server()
    simulator = Simulator(open_store(f"file://{tmp_path}"), clips)
    simulator_pb2_grpc.add_SimulatorServiceServicer_to_server(simulator, server)
    simulator_port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    labeler = RealLabeler(tmp_path, port=free_port, simulator_port=simulator_port)
    labeler.start()
    await propose(labeler)
    yield labeler
    labeler.kill()
    await server.stop(0)


@pytest.fixture
async def page_url(real_labeler) -> AsyncIterator[str]:
    """The address that the command line would print."""
    config = Config(port=0, labeler_address=real_labeler.address, run_id=RUN_ID)
    stopped, bound = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(config, stopped=stopped, on_bound=bound.set_result))
    yield f"http://127.0.0.1:{await bound}/#token={real_labeler.tokens['labeler']}"
    stopped.set()
    await serving


async def test_kill_9_of_the_labeler_loses_and_doubles_nothing(chromium, real_labeler, page_url):
    """A person answers on while the labeler dies twice: every answer is in the log once, with its change."""
    keys = ["ArrowLeft", "ArrowRight", "ArrowDown", "ArrowUp"] * 3
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--headless"]
        )
        page = await browser.new_page()
        await page.goto(page_url)
        for number, key in enumerate(keys):
            await page.wait_for_selector("video.shown", timeout=30_000)
            await page.keyboard.press(key)
            if number in (3, 7):
                real_labeler.kill()
                await asyncio.sleep(0.5)
                real_labeler.start()
        await page.wait_for_selector("#empty:not([hidden])")
        await page.keyboard.press("z")
        await page.wait_for_selector("video.shown")
        await page.keyboard.press("ArrowLeft")
        records = await read_log(real_labeler, num_records=NUM_QUERIES + 1)
        await page.wait_for_selector("#saving[data-state=saved]")
        await browser.close()

    firsts = [record for record in records if record.version == 1]
    assert len({record.query_id for record in firsts}) == len(firsts) == NUM_QUERIES
    # left 1, right 2, equal 3, incomparable 4
    assert [record.preference for record in firsts] == [1, 2, 3, 4] * 3
    assert [(record.version, record.preference) for record in records[NUM_QUERIES:]] == [(2, 1)]
    assert not any(record.is_extra for record in records)
