"""Several services in one process: served, drained and refused as each is alone."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.one_process import main
from somersault.cli.services.ports import choose_ports
from somersault.rpc import call, open_channel
from somersault.v1 import learner_pb2, learner_pb2_grpc


async def _learned_version(address: str) -> int:
    """Wait until the learner has improved its policy and return the policy's version."""
    async with asyncio.timeout(60), open_channel(address) as channel:
        stub = learner_pb2_grpc.LearnerServiceStub(channel)
        while True:
            policy: learner_pb2.Policy = await call(
                stub.GetPolicy, learner_pb2.GetPolicyRequest(), timeout_s=5, retry_for_s=60
            )
            if policy.policy_version:
                return policy.policy_version
            await asyncio.sleep(0.1)


async def test_services_in_one_process_train_and_drain(tmp_path: Path) -> None:
    """They find each other, each logs under its own name, and SIGTERM stores a checkpoint."""
    (port,) = choose_ports(1)
    shared = ("--task", "pendulum", "--storage-url", tmp_path.as_uri(), "--is-reference")
    command = [sys.executable, "-m", "services", "learner", "--port", str(port), "--run-id", "one", *shared]
    command += ["--", "simulator", "--learner-address", f"127.0.0.1:{port}", "--no-has-rendering", *shared]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert await _learned_version(f"127.0.0.1:{port}") > 0
            process.send_signal(signal.SIGTERM)
            _, errors = await asyncio.to_thread(process.communicate, timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, errors
    events = [json.loads(line) for line in errors.splitlines()]
    assert {event["service"] for event in events} == {"learner", "simulator"}
    assert [event["event"] for event in events].count("stopped") == 2
    assert list((tmp_path / "one" / "checkpoints").rglob("*.safetensors"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("chef",), "SERVICE is 'chef', must be one of simulator, learner"),
        (("learner", "--port", "x"), "learner: port is 'x'"),
        (("--",), "SERVICE is '', must be one of simulator, learner"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code of a service that refuses its settings."""
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"somersault services: {told}")


def test_a_port_in_use_is_a_refused_setting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has the exit code of the service alone, since nothing has been served."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["web", "--labeler-address", "127.0.0.1:1", "--port", str(port)]) == 2
    assert f"port {port} on 127.0.0.1 is in use" in capsys.readouterr().err


HANGS = """
import threading, time
from services import one_process as services

def serve(parts, served, stopped):
    threading.Thread(target=time.sleep, args=(300,)).start()
    return stopped.wait()

services._read = lambda arguments: [services._Part("web", type("Config", (), {"log_level": "info"}))]
services._serve = serve
import os, signal
threading.Timer(1, os.kill, (os.getpid(), signal.SIGTERM)).start()
raise SystemExit(services.main(["web"]))
"""


def test_a_thread_that_never_returns_is_left_behind() -> None:
    """As it is by a service alone: the process ends with 0 seconds after it has drained."""
    ended = subprocess.run([sys.executable, "-c", HANGS], capture_output=True, timeout=60, check=False)
    assert (ended.returncode, b"thread_left_behind" in ended.stderr) == (0, True), ended.stderr


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a run that trains."""
    assert main(["--help"]) == 0
    assert "python -P -m services \\\n    learner --port 7001" in capsys.readouterr().out
