"""Simulators come and are killed while a learner trains."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

_TASK = "hopper-backflip"


@dataclass
class _Fleet:
    """A learner on the true reward, so that nothing else is needed, and the simulators that feed it."""

    folder: Path
    port: int
    metrics_port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_learner(self) -> None:
        options = ["--run-id", "fleet", "--is-reference", "--port", str(self.port)]
        options += ["--metrics-port", str(self.metrics_port), "--total-env-steps", "1000000000"]
        self._start("learner", "services.learner", options)

    def start_simulator(self, name: str) -> None:
        options = ["--is-reference", "--no-has-rendering", "--num-environments", "16", "--simulator-id", name]
        options += ["--learner-address", f"127.0.0.1:{self.port}"]
        self._start(name, "services.simulator", options)

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait(timeout=10)

    def stop(self) -> None:
        for process in reversed(self.processes.values()):  # simulators first, so that their ends are counted
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            process.kill()

    def metrics(self) -> dict[str, float]:
        address = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(address, timeout=10) as response:
            lines = [line.rsplit(" ", 1) for line in response.read().decode().splitlines()]
        return {name: float(value) for name, value in lines if not name.startswith("#")}

    def wait_until(self, is_done: Callable[[dict[str, float]], bool], *, timeout_s: float = 60) -> None:
        give_up = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(OSError):
                if is_done(self.metrics()):
                    return
            assert self.processes["learner"].poll() is None, self._log_of("learner").read_text()[-2000:]
            assert time.monotonic() < give_up, self._log_of("learner").read_text()[-2000:]
            time.sleep(0.1)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log_of(name).read_text().splitlines()]

    def _log_of(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _start(self, name: str, module: str, options: list[str]) -> None:
        command = [sys.executable, "-m", module, "--task", _TASK]
        command += ["--storage-url", (self.folder / "store").as_uri(), *options]
        with self._log_of(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(command, stderr=log)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Fleet]:
    """A running learner and two simulators that stay; one for both tests, since starting them is most of the work."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "store").mkdir()
    fleet = _Fleet(folder, *_free_ports(2))
    fleet.start_learner()
    try:
        for name in ("stays-0", "stays-1"):
            fleet.start_simulator(name)
        fleet.wait_until(_has_both)
        yield fleet
    finally:
        fleet.stop()


def test_simulators_rejoin_a_learner_that_was_killed(fleet: _Fleet) -> None:
    """They outlive it, gather nothing while it is away, and it goes on with both."""
    _wait_for_more_steps(fleet)
    fleet.kill("learner")
    # On a busy machine the rollout in hand takes its time.
    give_up = time.monotonic() + 20
    while (used_s := _busiest_s(fleet)) >= 0.3:
        assert time.monotonic() < give_up, f"a simulator works for nobody: {used_s:.2f} s of the last second"
    fleet.start_learner()
    fleet.wait_until(_has_both)
    _wait_for_more_steps(fleet)
    assert all(process.poll() is None for process in fleet.processes.values())


def test_training_goes_on_while_simulators_come_and_are_killed(fleet: _Fleet) -> None:
    """Three are started and killed a second or two later: steps grow, memory does not, nothing errs, shares are even."""
    _wait_for_more_steps(fleet)
    before = fleet.metrics()
    for number in range(3):
        name = f"goes-{number}"
        fleet.start_simulator(name)
        fleet.wait_until(lambda metrics: metrics["somersault_learner_num_simulators"] == 3)
        time.sleep(0.3 * number)
        fleet.kill(name)
        _wait_for_more_steps(fleet)
        fleet.wait_until(_has_both)
    after = fleet.metrics()
    assert _resident_mb(after) < _resident_mb(before) + 60
    assert after['somersault_learner_num_dropped_rollouts{reason="repeated"}'] == 0
    for name in ("stays-0", "stays-1"):
        fleet.kill(name)
    fleet.wait_until(lambda metrics: metrics["somersault_learner_num_simulators"] == 0)
    events = fleet.events("learner")
    assert [event for event in events if event["level"] in {"error", "critical"}] == []
    left = {
        event["simulator_id"]: event["num_rollouts"] for event in events if event["event"] == "simulator_left"
    }
    assert len(left) == 5
    shares = (left["stays-0"], left["stays-1"])
    assert min(shares) >= 0.7 * max(shares), shares


def _has_both(metrics: dict[str, float]) -> bool:
    return metrics["somersault_learner_num_simulators"] == 2


def _wait_for_more_steps(fleet: _Fleet) -> None:
    """Wait until ten more rollouts are learned from."""
    steps = fleet.metrics()["somersault_learner_env_steps"]
    fleet.wait_until(lambda metrics: metrics["somersault_learner_env_steps"] >= steps + 10 * 64 * 16)


def _resident_mb(metrics: dict[str, float]) -> float:
    return metrics["process_resident_memory_bytes"] / 1e6


def _busiest_s(fleet: _Fleet) -> float:
    """Return how much processor time the busiest process uses within a second."""
    before = [_cpu_s(process.pid) for process in fleet.processes.values()]
    time.sleep(1)
    return max(
        _cpu_s(process.pid) - each for process, each in zip(fleet.processes.values(), before, strict=True)
    )


def _cpu_s(pid: int) -> float:
    columns = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(columns[11]) + int(columns[12])) / 100


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in sockets]
