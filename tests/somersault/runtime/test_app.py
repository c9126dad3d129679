"""How a service starts, serves, drains and fails."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic_settings import SettingsConfigDict

from somersault.errors import ConfigError, CorruptDataError, UnavailableError
from somersault.rpc import open_channel
from somersault.runtime import app
from somersault.runtime.config import ServiceConfig
from somersault.v1 import labeler_pb2_grpc

NAME = "somersault.v1.LabelerService"


class ExampleConfig(ServiceConfig):
    """Settings of no service there is."""

    model_config = SettingsConfigDict(env_prefix="SOMERSAULT_EXAMPLE_")


class Example:
    """A service that says in which order things happened to it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.events: list[str] = []
        self.error = error

    @property
    def interceptors(self) -> Sequence[grpc.aio.ServerInterceptor]:
        """None."""
        return ()

    def add_to(self, server: grpc.aio.Server) -> Sequence[str]:
        """Serve what answers UNIMPLEMENTED."""
        labeler_pb2_grpc.add_LabelerServiceServicer_to_server(
            labeler_pb2_grpc.LabelerServiceServicer(), server
        )
        return (NAME,)

    async def run(self) -> None:
        """Work until cancelled."""
        self.events.append("run")
        if self.error:
            raise self.error
        try:
            await asyncio.Event().wait()
        finally:
            self.events.append("cancelled")

    async def drain(self) -> None:
        """Store nothing."""
        self.events.append("drain")


async def test_service_is_healthy_while_it_serves_and_drains_in_order() -> None:
    """Health says SERVING for the whole server and by name; work is cancelled before the drain."""
    example, stopped = Example(), asyncio.Event()
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    config = ExampleConfig(drain_s=0.0)
    serving = asyncio.create_task(app.serve(example, config, stopped=stopped, on_bound=bound.set_result))
    async with open_channel(f"127.0.0.1:{await bound}") as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        for name in ("", NAME):
            response = await check(health_pb2.HealthCheckRequest(service=name))
            assert response.status == health_pb2.HealthCheckResponse.SERVING
    stopped.set()
    await serving
    assert example.events == ["run", "cancelled", "drain"]


async def test_service_ends_with_what_its_work_raised_after_a_drain() -> None:
    """A service whose work fails does not go on serving."""
    example = Example(RuntimeError("boom"))
    with pytest.raises(RuntimeError, match="boom"):
        await app.serve(example, ExampleConfig(), stopped=asyncio.Event())
    assert example.events == ["run", "drain"]


async def test_busy_port_is_refused() -> None:
    """A taken port is a clear error."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}"):
            await app.serve(Example(), ExampleConfig(port=port), stopped=asyncio.Event())


async def test_busy_metrics_port_is_refused() -> None:
    """So is one for metrics."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"metrics_port {port}"):
            await app.serve(Example(), ExampleConfig(metrics_port=port), stopped=asyncio.Event())


@pytest.mark.parametrize(
    ("arguments", "error", "told"),
    [
        (["--prot", "1"], None, "somersault example: unrecognized arguments: --prot;"),
        (["--log-level", "loud"], None, "log_level is 'loud': must be 'debug', 'info'"),
        ([], CorruptDataError("checkpoint is broken; delete it"), "checkpoint is broken; delete it"),
    ],
)
def test_bad_start_is_one_line_and_exit_code_2(
    arguments: list[str], error: Exception | None, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever is wrong at the start is the last line on standard error."""

    async def build(_: ExampleConfig) -> Example:
        if error:
            raise error
        return Example()

    assert app.main("example", ExampleConfig, build, arguments=arguments) == 2
    assert told in capsys.readouterr().err.strip().splitlines()[-1]


def test_sigterm_drains_and_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    """SIGTERM ends a service well; its log is one JSON object a line."""
    example = Example()

    async def build(_: ExampleConfig) -> Example:
        return example

    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    assert app.main("example", ExampleConfig, build, arguments=["--drain-s", "0"]) == 0
    timer.join()
    assert example.events == ["run", "cancelled", "drain"]
    events = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]
    assert events == ["starting", "not_encrypted", "serving", "draining", "stopped"]


def test_a_thread_that_never_returns_does_not_keep_a_drained_service() -> None:
    """Whoever pressed Ctrl-C waited half a minute for it; what must be kept is stored by then."""
    command = [sys.executable, "-m", "tests.somersault.runtime.app_that_hangs", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        while service.stderr.readline() != "working\n":
            assert service.poll() is None
        began_s = time.monotonic()
        service.terminate()
        rest = service.stderr.read()
        assert service.wait(20) == 0
    assert time.monotonic() - began_s < 15  # two seconds and the ways of a busy machine
    assert '"event": "thread_left_behind"' in rest


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (CorruptDataError("environment X shows nan\nin step 3"), 3, "environment X shows nan in step 3"),
        (UnavailableError("the learner went away"), 1, "the learner went away"),
        (UnavailableError("not installed").never(), 3, "not installed"),
        (ExceptionGroup("g", [ValueError("x"), CorruptDataError("bad weights")]), 3, "bad weights"),
        (ExceptionGroup("g", [ValueError("out of range")]), 1, "it failed with ValueError: out of range"),
    ],
)
def test_work_that_fails_ends_with_one_line(
    error: Exception, code: int, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The last line says why, without a frame; the exit code says whether another life could do better."""

    async def build(_: ExampleConfig) -> Example:
        return Example(error)

    assert app.main("example", ExampleConfig, build, arguments=["--drain-s", "0"]) == code
    lines = capfd.readouterr().err.strip().splitlines()
    assert lines[-1].startswith(f"somersault example: {told}")
    assert all(json.loads(line) for line in lines[:-1])
