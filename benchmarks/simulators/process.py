"""A simulator service as a process of its own, with a learner stub that assigns work only while it is measured."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.simulators.random_policy import random_policy
from somersault.rpc import bind, create_server
from somersault.tasks import Task
from somersault.v1 import learner_pb2, learner_pb2_grpc

__all__ = ["SimulatorProcess", "Window", "simulator_process"]

_NUM_AHEAD = 2  # assignments under way at once, as the learner has them under lag one
_START_S = 120


@dataclass(frozen=True, slots=True)
class Window:
    """What a simulator did while it was measured."""

    num_steps: int
    wall_s: float
    cpu_s: float
    """Of the simulator's process, all threads."""


class _LearnerStub(learner_pb2_grpc.LearnerServiceServicer):
    """Assigns as many rollouts as it is told to, takes them, and learns nothing."""

    def __init__(self, task: Task, *, rollout_steps: int) -> None:
        self._welcome = learner_pb2.CollectWelcome(rollout_steps=rollout_steps, seed=0, run_id="bench")
        self._policy = learner_pb2.Policy(policy_version=0, weights=random_policy(task.spec))
        self.assignments: asyncio.Queue[None] = asyncio.Queue()
        self.arrivals: asyncio.Queue[None] = asyncio.Queue()

    async def Collect(
        self, request_iterator: AsyncIterator[learner_pb2.CollectRequest], context: Any
    ) -> AsyncIterator[learner_pb2.CollectResponse]:
        """Send a policy, then the assignments; note each rollout."""
        await anext(aiter(request_iterator))
        yield learner_pb2.CollectResponse(welcome=self._welcome)
        yield learner_pb2.CollectResponse(policy=self._policy)
        taking = asyncio.create_task(self._take(request_iterator))
        try:
            while True:
                await self.assignments.get()
                yield learner_pb2.CollectResponse(assignment=learner_pb2.Assignment(policy_version=0))
        finally:
            taking.cancel()

    async def _take(self, request_iterator: AsyncIterator[learner_pb2.CollectRequest]) -> None:
        async for _ in request_iterator:
            self.arrivals.put_nowait(None)


class SimulatorProcess:
    """Lets a running simulator work for one window after another; between them it idles."""

    def __init__(self, stub: _LearnerStub, pid: int, *, steps_a_rollout: int) -> None:
        """Take over a simulator that has been started."""
        self._stub = stub
        self._pid = pid
        self._steps_a_rollout = steps_a_rollout

    async def work(self, num_rollouts: int) -> Window:
        """Has so many rollouts gathered and sent, with the next always assigned already."""
        cpu_s, started = _cpu_s(self._pid), time.perf_counter()
        for number in range(num_rollouts + _NUM_AHEAD):
            if number < num_rollouts:
                self._stub.assignments.put_nowait(None)
            if number >= _NUM_AHEAD:
                await asyncio.wait_for(self._stub.arrivals.get(), _START_S)
        wall_s = time.perf_counter() - started
        return Window(num_rollouts * self._steps_a_rollout, wall_s, _cpu_s(self._pid) - cpu_s)


@contextlib.asynccontextmanager
async def simulator_process(
    task: Task, *, num_threads: int, num_environments: int, rollout_steps: int
) -> AsyncIterator[SimulatorProcess]:
    """Start a simulator and a stub for it, and end both."""
    stub = _LearnerStub(  # type: ignore[abstract]  # a benchmark asks it for nothing else
        task, rollout_steps=rollout_steps
    )
    server = create_server()
    learner_pb2_grpc.add_LearnerServiceServicer_to_server(stub, server)
    port = bind(server, host="127.0.0.1", port=0)
    await server.start()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "services.simulator", "--task", task.name]
        command += ["--storage-url", Path(folder).as_uri(), "--learner-address", f"127.0.0.1:{port}"]
        command += ["--reward-address", "null", "--num-threads", str(num_threads)]
        command += ["--num-environments", str(num_environments), "--no-has-rendering"]
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
        try:
            yield SimulatorProcess(stub, process.pid, steps_a_rollout=rollout_steps * num_environments)
        finally:
            process.terminate()
            await process.wait()
            await server.stop(None)


def _cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has used in user and system mode; see proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
