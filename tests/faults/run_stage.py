"""Where a whole run goes on while faults are done to its services, and labelers of ours answer with a journal of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from somersault.rpc import open_channel
from somersault.runtime.failpoints import VARIABLE
from somersault.v1 import labeler_pb2_grpc
from tests.e2e.runs import Run
from tests.faults.faults import Fault, Outcome
from tests.faults.labelers import Journal, answer_until, problems_of
from tests.faults.proxy import MODES, Mode, Proxy
from tests.somersault.storage.conftest import ACCESS_KEY, SECRET_KEY, StoreServer, find_free_port

__all__ = ["RunStage"]

TASK = "pendulum"
SERVICES = ("labeler", "learner", "reward", "simulator")
NUM_LABELS = 16
NUM_STEPS = 40_000
CHECKPOINT_S = 5
READY_WITHIN_S = 60.0
ENDS_WITHIN_S = 420.0
MAX_LOST_S = 60.0
_PROBE_S = 0.05


@dataclass
class RunStage:
    """Plays one trial."""

    folder: Path
    seed: int
    on_s3: bool = False
    journal: Journal = field(default_factory=Journal)
    outcome: Outcome = field(default_factory=Outcome)
    is_over: bool = False

    async def play(self, faults: Sequence[Fault]) -> Outcome:
        """Do the faults one after the other, let the run end, and judge."""
        async with self._store() as environment:
            run = await asyncio.to_thread(self._start, environment)
            try:
                await self._play(run, faults)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(run.process.pid, signal.SIGKILL)
                run.process.communicate(timeout=30)
        return self.outcome

    async def _play(self, run: Run, faults: Sequence[Fault]) -> None:
        async with asyncio.TaskGroup() as group:
            answering = group.create_task(self._answer(run))
            doing = group.create_task(self._do_all(run, faults))
            ended = await self._ended(run)
            self.is_over = True
            doing.cancel()
            answering.cancel()
        if not ended:
            self.outcome.problems.append(
                f"the run didn't end within {ENDS_WITHIN_S:.0f} s{run.logs()[-1500:]}"
            )
            return
        output, errors = run.process.communicate(timeout=30)
        if run.process.returncode != 0:
            self.outcome.problems.append(f"the run ended with {run.process.returncode}: {errors[-800:]}")
            return
        self._judge(run, json.loads(output.strip().splitlines()[-1]))

    async def _ended(self, run: Run) -> bool:
        give_up_s = time.monotonic() + ENDS_WITHIN_S
        while run.process.poll() is None and time.monotonic() < give_up_s:
            await asyncio.sleep(0.1)
        return run.process.poll() is not None

    async def _do_all(self, run: Run, faults: Sequence[Fault]) -> None:
        while not all(_num_serving(run.run_dir / "logs" / f"{name}.log") for name in SERVICES):
            await asyncio.sleep(_PROBE_S)
        for fault in faults:
            await asyncio.sleep(fault.after_s)
            await self._do(run, fault)
            self.outcome.num_faults += 1

    async def _do(self, run: Run, fault: Fault) -> None:
        if fault.target == "store":
            proxy = self._proxy
            assert fault.kind in MODES
            proxy.set(cast("Mode", fault.kind))
            await asyncio.sleep(fault.for_s)
            proxy.set("pass")
        elif fault.kind == "stop":
            pid = await asyncio.to_thread(run.pid_of, fault.target)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(fault.for_s)
                os.kill(pid, signal.SIGCONT)
        elif fault.detail:
            await self._kill_at(run, fault)
        else:
            await self._kill_now(run, fault.target)

    async def _kill_now(self, run: Run, service: str) -> None:
        pid = await asyncio.to_thread(run.pid_of, service)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        await self._wait_until_back(run, service, pid)

    async def _kill_at(self, run: Run, fault: Fault) -> None:
        """Arm a failpoint; if the run doesn't come there within the fault's time, it is left armed."""
        pid = await asyncio.to_thread(run.pid_of, fault.target)
        armed = self._failpoints / fault.detail.partition("=")[0]
        armed.write_text(fault.detail.partition("=")[2])
        give_up_s = time.monotonic() + fault.for_s
        while armed.exists() and time.monotonic() < give_up_s:
            await asyncio.sleep(0.02)
        if not armed.exists():
            await self._wait_until_back(run, fault.target, pid)

    async def _wait_until_back(self, run: Run, service: str, pid: int) -> None:
        """Note when a killed service serves again: when it says so in its log."""
        self.outcome.num_kills += 1
        begin_s = time.monotonic()
        log = run.run_dir / "logs" / f"{service}.log"
        before = _num_serving(log)
        while _num_serving(log) == before and time.monotonic() - begin_s < READY_WITHIN_S:
            await asyncio.sleep(_PROBE_S)
        self.outcome.ready_s.append(time.monotonic() - begin_s)

    async def _answer(self, run: Run) -> None:
        """Answer as the run's teacher, whose token and address are in its folder."""
        addresses, tokens = run.run_dir / "addresses.json", run.run_dir / "tokens.json"
        while not addresses.exists():
            await asyncio.sleep(0.1)
        token = json.loads(tokens.read_text())["teacher"]
        channel = open_channel(json.loads(addresses.read_text())["labeler"], token=token)
        stub = labeler_pb2_grpc.LabelerServiceStub(channel)
        generator = random.Random(self.seed)
        try:
            await answer_until(
                lambda: self.is_over, stub, self.journal, run_id=self._run_id, generator=generator
            )
        finally:
            await channel.close(None)

    @property
    def _failpoints(self) -> Path:
        return self.folder / "failpoints"

    @property
    def _run_id(self) -> str:
        return "faulty"

    def _start(self, environment: dict[str, str]) -> Run:
        (self._failpoints / "fired").mkdir(parents=True)
        command = [
            sys.executable,
            "-m",
            "somersault.cli",
            "train",
            TASK,
            "--run-dir",
            str(self.folder / self._run_id),
        ]
        command += [
            "--json",
            "--no-web",
            "--labels",
            str(NUM_LABELS),
            "--steps",
            str(NUM_STEPS),
            "--seed",
            str(self.seed),
        ]
        if self.on_s3:
            command += ["--storage-url", environment["URL"]]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={
                **os.environ,
                **environment,
                VARIABLE: f"@{self._failpoints}",
                "SOMERSAULT_LEARNER_CHECKPOINT_S": str(CHECKPOINT_S),
            },
        )
        return Run(process=process, run_dir=self.folder / self._run_id)

    @contextlib.asynccontextmanager
    async def _store(self) -> AsyncIterator[dict[str, str]]:
        """Serve S3 behind a proxy if the run is to be on it; yield what its processes' environment needs."""
        if not self.on_s3:
            yield {}
            return
        port, objects = find_free_port(), self.folder / "s3"
        objects.mkdir()
        command = [str(Path(sys.executable).with_name("rclone")), "serve", "s3", "--config", ""]
        command += ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}", "--addr", f"127.0.0.1:{port}", str(objects)]
        server = StoreServer(command, port, self.folder / "s3.log")
        await asyncio.to_thread(server.start)
        self._proxy = Proxy(port, seed=self.seed)
        await self._proxy.start()
        keys = {"SOMERSAULT_STORAGE_ACCESS_KEY": ACCESS_KEY, "SOMERSAULT_STORAGE_SECRET_KEY": SECRET_KEY}
        url = f"s3://127.0.0.1:{self._proxy.port}/bucket?secure=false&create=true"
        try:
            yield {**keys, "URL": url}
        finally:
            await self._proxy.close()
            server.kill()

    def _judge(self, run: Run, summary: dict[str, Any]) -> None:
        log = [_record(row) for row in _log_of(run)]
        self.outcome.problems += problems_of(self.journal, log)
        self.outcome.num_answers = len(self.journal.acknowledged)
        self.outcome.lost_s = _lost_s(run.run_dir / "progress.jsonl")
        if max(self.outcome.lost_s, default=0.0) > MAX_LOST_S:
            self.outcome.problems.append(f"{max(self.outcome.lost_s):.0f} s of learning were lost")
        if summary["labels"] != NUM_LABELS or summary["env_steps"] < NUM_STEPS:
            self.outcome.problems.append(
                f"{summary['labels']} labels and {summary['env_steps']} steps at the end"
            )
        self.outcome.problems += _leaks(run.run_dir)


def _log_of(run: Run) -> list[dict[str, Any]]:
    """Return the rows of the run's preference log, as its command exports them."""
    command = [
        sys.executable,
        "-m",
        "somersault.cli",
        "export",
        str(run.run_dir),
        "--labels",
        "-",
        "--format",
        "jsonl",
    ]
    exported = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [row for line in exported.splitlines() if (row := json.loads(line))["kind"] == "preference"]


def _record(row: dict[str, Any]) -> Any:
    """Return what `problems_of` compares of an exported row, as a record."""
    from somersault.wire.preference_rows import message_from_row

    return message_from_row(row)


def _num_serving(log: Path) -> int:
    with contextlib.suppress(OSError):
        return log.read_text(errors="replace").count('"event": "serving"')
    return 0


def _lost_s(progress: Path) -> list[float]:
    """Return the seconds between each fall of the steps made and when they were made for the first time."""
    lost, reached = [], list[tuple[int, float]]()
    for line in progress.read_text().splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            row = json.loads(line)
            steps, wall_s = int(row["run/env_steps"]), float(row["wall_s"])
            if reached and steps < reached[-1][0]:
                since_s = next((at_s for made, at_s in reached if made >= steps), wall_s)
                lost.append(reached[-1][1] - since_s)
                reached = [(made, at_s) for made, at_s in reached if made <= steps]
            reached.append((steps, wall_s))
    return lost


def _leaks(run_dir: Path) -> list[str]:
    """Return what no fault may bring into a log: an unexpected error, or a token."""
    tokens = json.loads((run_dir / "tokens.json").read_text())
    found = []
    for log in sorted((run_dir / "logs").glob("*.log")):
        text = log.read_text(errors="replace")
        found += [f"{log.name}: {line[:300]}" for line in text.splitlines() if _UNEXPECTED.search(line)]
        found += [f"{log.name}: the token of role {role}" for role, token in tokens.items() if token in text]
    return found[:5]


_UNEXPECTED = re.compile(r"Traceback \(most recent call last\)|\"event\": \"(call_failed|service_failed)\"")
