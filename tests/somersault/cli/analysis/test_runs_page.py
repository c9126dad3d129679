"""The page of a folder's runs: what its labeler lists, and the pages before it, through the ordinary gateway."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import http.client
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
import numpy as np
import pytest

from somersault import rpc
from somersault.cli.runs_page.service import ListingServicer
from somersault.domain.roles import Role
from somersault.errors import InvalidInputError, NotFoundError, SomersaultError, UnauthenticatedError
from somersault.rpc.server import bind, create_server
from somersault.runs import load_run
from somersault.v1 import labeler_pb2, labeler_pb2_grpc
from somersault.wire.preference import role_from_message
from tests.somersault.cli.analysis.conftest import Command
from tests.somersault.synthetic_runs import make_run

TOKEN = "an owner's token"
AWFUL = " 50%41 of a?b#c&d "
ROOT = Path(__file__).parents[4]

pb = labeler_pb2
ask = functools.partial(rpc.call, timeout_s=20)


@asynccontextmanager
async def labeler(folder: Path, *, token: str | None = TOKEN) -> AsyncIterator[Any]:
    """A stub of a labeler that lists a folder's runs."""
    server = create_server()
    labeler_pb2_grpc.add_LabelerServiceServicer_to_server(ListingServicer(folder, token=TOKEN), server)
    port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    try:
        async with rpc.open_channel(f"127.0.0.1:{port}", token=token) as channel:
            yield labeler_pb2_grpc.LabelerServiceStub(channel)
    finally:
        await server.stop(None)


def add_clips(folder: Path, run_id: str, versions: dict[int, bytes]) -> None:
    """Store clips of policies as a labeler of version 8 of the database keeps them."""
    with closing(sqlite3.connect(folder / "labels.sqlite")) as database, database:
        database.execute(
            "CREATE TABLE policy_clips (run_id, policy_version, env_steps, clip_uri, sha256, duration_s, created_ms,"
            " is_final, predicted_rewards, true_return)"
        )
        for version, data in versions.items():
            key = f"clips/policy-{version}.mp4"
            (folder / "clips").mkdir(exist_ok=True)
            (folder / key).write_bytes(data)
            sha256 = hashlib.sha256(data).hexdigest()
            rewards = np.array([0.5, -0.5], "<f4").tobytes()
            row = (
                run_id,
                version,
                version * 100,
                f"{run_id}/{key}",
                sha256,
                3.2,
                1,
                version == 9,
                rewards,
                7.0,
            )
            database.execute(f"INSERT INTO policy_clips VALUES ({', '.join('?' * 10)})", row)


async def test_runs_are_listed_as_owners_see_them(real_run: Path) -> None:
    """State, labels, newest point, result and newest clip of a real run."""
    run = load_run(real_run)
    assert run.summary is not None
    async with labeler(real_run.parent) as stub:
        (listed,) = (await ask(stub.ListRuns, pb.ListRunsRequest())).runs
        who = await ask(stub.WhoAmI, pb.WhoAmIRequest())
    assert role_from_message(who.role) is Role.OWNER
    assert listed.run_id == real_run.name
    assert listed.state == pb.RUN_STATE_FINISHED
    assert listed.num_answered == listed.label_budget == run.summary["labels"]
    assert listed.newest_point.env_steps == run.summary["env_steps"]
    assert listed.result.true_return_mean == pytest.approx(run.summary["true_return_mean"])
    assert listed.newest_policy_clip == run.summary["policy_versions"]
    assert listed.question == run.task.question


async def test_pages_of_the_list_go_on_where_the_last_ended(tmp_path: Path) -> None:
    """Newest first, each once; runs of one name are told apart."""
    for number, name in enumerate(("a/x", "b/x", "y")):
        folder = make_run(tmp_path / name, "pendulum").path
        os.utime(folder / "config.json", (number, number))
    names, folders, token = [], [], ""
    async with labeler(tmp_path) as stub:
        while True:
            request = pb.ListRunsRequest(page_size=2, page_token=token)
            response = await ask(stub.ListRuns, request)
            names += [run.run_id for run in response.runs]
            folders += [run.folder for run in response.runs]
            token = response.next_page_token
            if not token:
                break
        with pytest.raises(InvalidInputError, match="page_token"):
            await ask(stub.ListRuns, pb.ListRunsRequest(page_token="x"))
    assert names == ["y", "b.x", "a.x"]
    assert folders == [str(tmp_path / name) for name in ("y", "b/x", "a/x")]


async def test_damaged_runs_hide_no_other(tmp_path: Path) -> None:
    """Whether what is damaged is the summary or the answers."""
    for name in ("whole", "summary", "answers"):
        make_run(tmp_path / name, "pendulum")
    (tmp_path / "summary" / "summary.json").write_text("[]")
    (tmp_path / "answers" / "labels.sqlite").write_bytes(b"no database" * 100)
    async with labeler(tmp_path) as stub:
        listed = (await ask(stub.ListRuns, pb.ListRunsRequest())).runs
    assert [run.run_id for run in listed] == ["whole"]


async def test_curves_are_read_on_from_a_cursor(tmp_path: Path) -> None:
    """Thinned to 2,000 points with the newest among them; then only what is new."""
    run = make_run(tmp_path / "one", "pendulum")
    rows = [
        {"run/env_steps": step, "episode/true_return_mean": step / 2, "wall_s": step}
        for step in range(1, 5002)
    ]
    (run.path / "progress.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    async with labeler(tmp_path) as stub:
        first = await ask(stub.GetRunProgress, pb.GetRunProgressRequest(run_id="one"))
        assert len(first.points) <= 2000
        assert first.cursor == 5001
        assert first.points[-1].env_steps == 5001
        assert first.points[-1].true_return_mean == 2500.5
        assert not first.points[-1].HasField("preference_accuracy")
        with (run.path / "progress.jsonl").open("a") as progress:
            progress.write(json.dumps({"run/env_steps": 6000}) + "\n")
        more = await ask(stub.GetRunProgress, pb.GetRunProgressRequest(run_id="one", cursor=5001))
        assert [(point.number, point.env_steps) for point in more.points] == [(5002, 6000)]
        with pytest.raises(NotFoundError, match="no run 'two'"):
            await ask(stub.GetRunProgress, pb.GetRunProgressRequest(run_id="two"))


async def test_reference_run_predicts_nothing(tmp_path: Path) -> None:
    """It trained on the true reward, which is no prediction; others' predictions are listed."""
    point = {"run/env_steps": 10, "reward/predicted_reward_mean": 2.0}
    for name in ("reference", "taught"):
        run = make_run(tmp_path / name, "pendulum", is_reference=name == "reference")
        (run.path / "progress.jsonl").write_text(json.dumps(point) + "\n")
    async with labeler(tmp_path) as stub:
        told = {}
        for name in ("reference", "taught"):
            (told[name],) = (await ask(stub.GetRunProgress, pb.GetRunProgressRequest(run_id=name))).points
    assert not told["reference"].HasField("predicted_reward_mean")
    assert told["taught"].predicted_reward_mean == 2.0


async def test_clips_of_policies_are_those_of_the_runs_labeler(tmp_path: Path) -> None:
    """With what was predicted and their returns, and their bytes from the run's store, though it was renamed."""
    folder = make_run(tmp_path / "old", "pendulum").path
    add_clips(folder, "old", {4: b"four", 9: b"nine"})
    folder.rename(tmp_path / "new")
    async with labeler(tmp_path) as stub:
        clips = (await ask(stub.ListPolicyClips, pb.ListPolicyClipsRequest(run_id="new"))).clips
        got = await ask(stub.GetPolicyClip, pb.GetPolicyClipRequest(run_id="new", policy_version=4))
        with pytest.raises(NotFoundError, match="no clip of policy version 5"):
            await ask(stub.GetPolicyClip, pb.GetPolicyClipRequest(run_id="new", policy_version=5))
    assert [(clip.policy_version, clip.is_final, clip.true_return) for clip in clips] == [
        (4, False, 7),
        (9, True, 7),
    ]
    assert list(clips[0].predicted_rewards) == [0.5, -0.5]
    assert clips[0].clip_url.startswith("/policy-clips/new/4.mp4?sha256=")
    assert (got.clip, got.clip_sha256) == (b"four", hashlib.sha256(b"four").hexdigest())


async def test_only_the_tokens_holder_is_served(real_run: Path) -> None:
    """Neither nobody nor somebody else."""
    for token in (None, "another"):
        async with labeler(real_run.parent, token=token) as stub:
            with pytest.raises(UnauthenticatedError):
                await ask(stub.ListRuns, pb.ListRunsRequest())


async def test_every_other_call_is_unimplemented(real_run: Path) -> None:
    """By which pages know that they may only look."""
    async with labeler(real_run.parent) as stub:
        for method, request in (
            (stub.GetStats, pb.GetStatsRequest(run_id=real_run.name)),
            (stub.UpdateRun, pb.UpdateRunRequest(run_id=real_run.name)),
        ):
            with pytest.raises(SomersaultError) as refused:
                await ask(method, request)
            assert refused.value.__cause__.code() is grpc.StatusCode.UNIMPLEMENTED  # type: ignore[union-attr]


@pytest.fixture
def page(real_run: Path, tmp_path: Path) -> Iterator[str]:
    """The address that the command prints, of a folder with a run whose own folder no URL takes as it is."""
    shutil.copytree(real_run, tmp_path / AWFUL)
    command = [
        sys.executable,
        "-m",
        "somersault.cli.__main__",
        "runs",
        str(tmp_path),
        "--open",
        "--json",
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) in {0, 130}


async def test_page_is_served_by_the_ordinary_gateway(page: str) -> None:
    """The page, what it lists, and a clip, to the token behind the #."""
    address = urlsplit(page)
    assert address.path == "/runs"
    token = address.fragment.removeprefix("token=")

    def fetch(method: str, path: str, body: object = None) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        with contextlib.closing(http.client.HTTPConnection(address.netloc, timeout=20)) as connection:
            connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
            response = connection.getresponse()
            return response.status, response.read()

    status, html = await asyncio.to_thread(fetch, "GET", "/runs")
    assert status == 200
    assert b"<html" in html
    service = "/somersault.v1.LabelerService"
    status, listed = await asyncio.to_thread(fetch, "POST", f"{service}/ListRuns", {})
    assert status == 200, listed
    (run,) = json.loads(listed)["runs"]
    assert (run["runId"], run["state"]) == (AWFUL, "RUN_STATE_FINISHED")
    request = {"runId": AWFUL}
    status, clips = await asyncio.to_thread(fetch, "POST", f"{service}/ListPolicyClips", request)
    newest = json.loads(clips)["clips"][-1]
    status, video = await asyncio.to_thread(fetch, "GET", newest["clipUrl"])
    assert status == 200
    assert hashlib.sha256(video).hexdigest() == newest["clipSha256"]
    status, refused = await asyncio.to_thread(fetch, "POST", f"{service}/GetStats", request)
    assert (status, json.loads(refused)["code"]) == (501, "unimplemented")


def test_folder_that_is_not_there_is_told(command: Command, tmp_path: Path) -> None:
    """Before anything is served."""
    assert "no folder" in command.error("runs", tmp_path / "absent", "--open")


def test_page_of_a_folder_is_not_shared(command: Command, real_run: Path) -> None:
    """It is for this machine; a folder without runs is told as `open` tells what is no run."""
    code, output, errors = command.all("open", real_run.parent, "--share")
    assert (code, output) == (2, "")
    assert "is a folder of runs, whose page is for this machine only" in errors
