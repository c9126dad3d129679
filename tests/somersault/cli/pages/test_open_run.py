"""`somersault open` with the real labeler and the real pages."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from somersault.cli.__main__ import main
from somersault.cli.pages.addresses import Addresses
from somersault.cli.run.config import RunConfig
from somersault.cli.run.folder import RunFolder
from somersault.cli.services.ports import choose_ports
from somersault.cli.services.processes import names_of_pages
from somersault.cli.services.run_services import RunServices
from somersault.rpc import call, open_channel
from somersault.storage import open_store
from somersault.v1 import labeler_pb2, labeler_pb2_grpc
from tests.somersault.cli.conftest import ROOT, make_config
from tests.somersault.storage.conftest import ACCESS_KEY, SECRET_KEY, StoreServer, moto  # noqa: F401 - a fixture

CLIP = b"\0\0\0\x18ftypisom and no more of an mp4"
SUMMARY = {
    "env_steps": 1000,
    "labels": 9,
    "label_budget": 9,
    "true_return_mean": 7000.0,
    "flips_per_episode": 2.7,
    "video": "policy.mp4",
}


def begin(path: Path, **changes: Any) -> RunConfig:
    """Make a run that people taught, with a clip of its policy, and leave it as a power cut would."""
    with RunFolder(path) as folder:
        config = make_config(folder, teacher="none", web_port=choose_ports(1)[0], **changes)
        folder.begin(config)
        asyncio.run(_make_known(config, folder))
    return config


async def _make_known(config: RunConfig, folder: RunFolder) -> None:
    services = RunServices(config, folder, names=names_of_pages())
    await services.start()
    try:
        async with open_channel(services.addresses.labeler, token=services.owner_token) as channel:
            stub = labeler_pb2_grpc.LabelerServiceStub(channel)
            run = labeler_pb2.CreateRunRequest(
                run_id=config.run_id, task=config.task, question="Which flips better?"
            )
            await call(stub.CreateRun, run, timeout_s=20)
            await call(stub.AddPolicyClip, _clip(config), timeout_s=20)
    finally:
        await services.supervisor.stop()


def _clip(config: RunConfig) -> labeler_pb2.AddPolicyClipRequest:
    uri = f"{config.run_id}/policy-clips/00000003.mp4"
    store = open_store(config.storage_url, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    store.put(uri, CLIP)
    digest = hashlib.sha256(CLIP).hexdigest()
    clip = labeler_pb2.PolicyClip(policy_version=3, env_steps=10, clip_sha256=digest, duration_s=1.0)
    return labeler_pb2.AddPolicyClipRequest(run_id=config.run_id, clip=clip, clip_uri=uri)


@contextlib.contextmanager
def opened(path: Path, *options: str) -> Iterator[dict[str, Any]]:
    """Serve a run's pages as a user does; Ctrl-C must end it well."""
    process = subprocess.Popen(
        [sys.executable, "-m", "somersault.cli", "open", str(path), "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, process.communicate()[1][-3000:]
        yield json.loads(line)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors[-3000:]
    finally:
        process.kill()
        process.communicate()


def get(url: str, path: str, *, token: str) -> bytes:
    """Return what the gateway answers to an owner."""
    request = urllib.request.Request(url + path, headers={"authorization": f"Bearer {token}"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - loopback
        return bytes(response.read())


def owner_of(path: Path) -> str:
    """Return the owner's token of a run."""
    return str(json.loads((path / "tokens.json").read_text())["owner"])


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Where a run's objects are: in its folder, or in an S3 server."""
    if request.param == "folder":
        return {}
    server: StoreServer = request.getfixturevalue("moto")
    monkeypatch.setenv("SOMERSAULT_STORAGE_ACCESS_KEY", ACCESS_KEY)
    monkeypatch.setenv("SOMERSAULT_STORAGE_SECRET_KEY", SECRET_KEY)
    return {"storage_url": server.url("opened", create="true")}


@pytest.mark.e2e
def test_a_killed_runs_pages_are_served_where_they_were(tmp_path: Path, storage: dict[str, str]) -> None:
    """Clips come from its store, the addresses are the old ones, and nobody trains it meanwhile."""
    path = tmp_path / "run"
    config = begin(path, **storage)
    before = json.loads((path / "addresses.json").read_text())
    with opened(path) as addresses:
        assert addresses["state"] == "stopped", "it was killed, and nobody had said so"
        assert addresses["web_url"] == before["web"] == f"http://127.0.0.1:{config.web_port}"
        assert addresses["labeler_address"] == before["labeler"]
        assert get(addresses["web_url"], "/policy-clips/run/3.mp4", token=owner_of(path)) == CLIP
        assert RunFolder(path).user() == "open"
        with opened_again(path) as told:
            assert told["used_by"] == "open"
            assert told["run_page"] == addresses["run_page"]
    assert RunFolder(path).user() is None


@contextlib.contextmanager
def opened_again(path: Path) -> Iterator[dict[str, Any]]:
    """Ask for a run that is served already: the command says so, and ends by itself."""
    command = [sys.executable, "-m", "somersault.cli", "open", str(path), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert "somersault open is using" in ended.stderr
    yield json.loads(ended.stdout)


@pytest.mark.e2e
def test_what_the_command_does_by_itself_is_no_owners_act(tmp_path: Path) -> None:
    """That the run stopped is logged as a service's act, which the owner page leaves out."""
    path = tmp_path / "run"
    begin(path)
    with opened(path) as addresses:
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{addresses['web_url']}/somersault.v1.LabelerService/ListAuditLog",
            data=json.dumps({"isWithoutServices": True}).encode(),
            headers={"authorization": f"Bearer {owner_of(path)}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - loopback
            told = response.read().decode()
    assert "AddPolicyClip" in told, "the test's own, by an owner's token"
    assert "UpdateRun" not in told


@pytest.mark.e2e
def test_a_run_from_before_ends_were_told_is_finished(tmp_path: Path) -> None:
    """Its summary says that it came to its end; those who open it are told what was learned, also the next time."""
    path = tmp_path / "run"
    begin(path)
    RunFolder(path).store_summary(SUMMARY)
    for _ in range(2):
        with opened(path) as addresses:
            assert addresses["state"] == "finished"
            body = json.dumps({"runId": "run"}).encode()
            request = urllib.request.Request(  # noqa: S310 - loopback
                f"{addresses['web_url']}/somersault.v1.LabelerService/GetStats",
                data=body,
                headers={"authorization": f"Bearer {owner_of(path)}", "content-type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - loopback
                stats = json.load(response)
        assert stats["result"]["headline"] == "The hopper makes 2.7 backflips an episode."


def test_what_has_no_pages_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No run, a run that nobody taught, and one that was stopped before anything was asked."""
    assert main(["open", str(tmp_path / "none")]) == 1
    assert "no run in" in capsys.readouterr().err
    for name, changes, told in (
        ("reference", {"is_reference": True, "teacher": "none", "label_budget": 0}, "nobody answered in it"),
        ("young", {}, "before anything was asked"),
    ):
        folder = RunFolder(tmp_path / name)
        folder.begin(make_config(folder, **changes))
        folder.release()
        assert main(["open", str(folder.path)]) != 0
        assert told in capsys.readouterr().err


def test_a_run_that_is_being_started_is_not_told_with_the_addresses_of_its_last_life(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither stale nor empty ones: who asks is told to ask again; its labeler gets the old port all the same."""
    folder = RunFolder(tmp_path / "run")
    config = make_config(folder, teacher="none")
    folder.begin(config)
    assert main(["open", str(folder.path)]) == 1
    assert "is starting" in capsys.readouterr().err, "it has no database yet, and was not stopped"
    folder.release()
    folder.database.touch()
    port = choose_ports(1)[0]
    Addresses(labeler=f"127.0.0.1:{port}", web="http://127.0.0.1:1").store(folder.addresses)
    with RunFolder(folder.path) as second:
        second.resume()
        assert main(["open", str(folder.path), "--json"]) == 1
        told = capsys.readouterr()
        assert "somersault train is starting" in told.err
        assert "try again in a few seconds" in told.err
        assert "127.0.0.1" not in told.out
        services = RunServices(config, second, names=names_of_pages())
        assert services.addresses.labeler == f"127.0.0.1:{port}"
