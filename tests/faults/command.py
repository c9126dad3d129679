"""The command that trains a run while faults are done to it: started, resumed when it was killed itself, and ended early."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from somersault.domain.roles import Identity
from somersault.rpc import call, open_channel
from somersault.v1 import learner_pb2, learner_pb2_grpc
from tests.faults.restarts import Processes, events_of

__all__ = ["SERVICES", "Command"]

SERVICES = ("labeler", "learner", "reward", "simulator", "teacher", "web")
TASK = "pendulum"
NUM_LABELS = 600
NUM_STEPS = 3_000_000
"""More than a trial makes: it ends the run itself once its faults are done."""
CHECKPOINT_S = 5
READY_WITHIN_S = 240.0
ENDS_WITHIN_S = 240.0


@dataclass
class Command:
    """Owns the process of `somersault train` and everything that it starts."""

    folder: Path
    seed: int
    environment: Mapping[str, str]
    module: str = "somersault.cli"
    options: Sequence[str] = ()
    num_resumed: int = 0
    output: str = ""
    errors: str = ""
    _lives: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Know where everything will be."""
        self.run_dir = self.folder / self.run_id
        self.processes = Processes(self.run_dir)

    @property
    def run_id(self) -> str:
        """The run's name."""
        return "faulty"

    @property
    def pid(self) -> int:
        """The command's process."""
        return self._lives[-1].pid

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._lives[-1].poll()

    def start(self, *, is_resumed: bool = False) -> None:
        """Begin the run, or go on with it."""
        command = [sys.executable, "-m", self.module, "train", TASK, "--run-dir", str(self.run_dir), "--json"]
        if is_resumed:
            self.num_resumed += 1
            command += ["--resume"]
        else:
            command += ["--teacher", "oracle", "--pacing", "free", "--seed", str(self.seed), *self.options]
            command += ["--labels", str(NUM_LABELS), "--steps", str(NUM_STEPS)]
        self._out, self._err = (self.folder / f"command-{len(self._lives)}.{name}" for name in ("out", "err"))
        with self._out.open("wb") as out, self._err.open("wb") as err:
            checkpoints = {"SOMERSAULT_LEARNER_CHECKPOINT_S": str(CHECKPOINT_S)}
            process = subprocess.Popen(
                command,
                stdout=out,
                stderr=err,
                start_new_session=True,
                env={**os.environ, **checkpoints, **self.environment},
            )
        self._lives.append(process)
        self.processes.command_pid = process.pid

    async def until_ready(self) -> None:
        """Wait until every service serves, however often the command itself is killed on the way."""
        give_up_s = time.monotonic() + READY_WITHIN_S
        while not all(map(self.processes.is_serving, SERVICES)) or not self.has_addresses:
            if self.code == -signal.SIGKILL:
                self.start(is_resumed=True)
            assert self.code is None, f"the run ended with {self.code}: {self.words}"
            assert time.monotonic() < give_up_s, f"not ready within {READY_WITHIN_S:.0f} s: {self.words}"
            await asyncio.sleep(0.1)

    @property
    def has_addresses(self) -> bool:
        """Whether this life of the command has stored where its services are."""
        with contextlib.suppress(OSError):
            begun_s = self._out.stat().st_mtime
            return (self.run_dir / "addresses.json").stat().st_mtime > begun_s
        return False

    @property
    def has_learned(self) -> bool:
        """Whether the learner has made all steps, or the command has ended."""
        events = events_of(self.run_dir / "logs" / "learner.log")
        return self.code is not None or any(name == "finished" for name, _ in events)

    @property
    def words(self) -> str:
        """What it said last."""
        return self._err.read_text(errors="replace")[-800:]

    async def end(self) -> dict[str, Any]:
        """Ask the learner to finish early, wait until the command has ended well, and return its summary."""
        begin_s = time.monotonic()
        while self.code is None and time.monotonic() - begin_s < ENDS_WITHIN_S:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._stop_learning(), 5)
            await asyncio.sleep(0.5)
        assert self.code is not None, f"the run didn't end within {ENDS_WITHIN_S:.0f} s: {self.words}"
        assert self.code == 0, f"the run ended with {self.code}: {self.words}"
        summary: dict[str, Any] = json.loads(self._out.read_text().strip().splitlines()[-1])
        return summary

    async def _stop_learning(self) -> None:
        """Ask once; a learner that was asked before and has begun anew since must be asked again."""
        port = _port_of(self.run_dir / "logs" / "learner.log")
        certificates = self.run_dir / "certificates" / Identity.OWNER
        request = learner_pb2.ControlRequest(action=learner_pb2.CONTROL_ACTION_STOP)
        address = f"127.0.0.1:{port}"
        async with open_channel(address, certificates=certificates, peer=Identity.LEARNER) as channel:
            await call(learner_pb2_grpc.LearnerServiceStub(channel).Control, request, timeout_s=5)

    def kill(self) -> None:
        """End it and all that it started, as kill -9 does."""
        for process in self._lives:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _port_of(log: Path) -> int:
    for line in reversed(log.read_text(errors="replace").splitlines()):
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if event.get("event") == "serving":
                return int(event["port"])
    raise AssertionError(f"{log} names no port")
