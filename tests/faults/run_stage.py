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

from somersault.rpc import call, open_channel
from somersault.runtime.failpoints import VARIABLE
from somersault.v1 import labeler_pb2 as pb
from somersault.v1 import labeler_pb2_grpc, preference_pb2
from somersault.wire.preference_rows import message_from_row, row_from_message
from tests.faults.armed import ArmedFolder, Fired
from tests.faults.command import Command
from tests.faults.edges import Edges
from tests.faults.faults import Fault, Outcome
from tests.faults.gateway import GatewayStub
from tests.faults.labelers import Journal, answer_until, problems_of
from tests.faults.proxy import MODES, Mode
from tests.faults.restarts import learning_lost_s
from tests.faults.run_store import RunStore

__all__ = ["RunStage"]

READY_WITHIN_S = 60.0
HEALED_WITHIN_S = 60.0
MAX_LOST_S = 60.0
FAULTS_WITHIN_S = 300.0
"""On a machine so busy that they take longer, the rest of a trial's faults is left out."""
NUM_LABELERS = 2
_OURS = "a-"
"""What the ids of our labelers' answers begin with."""


@dataclass
class RunStage:
    """Plays one trial."""

    folder: Path
    seed: int
    on_s3: bool = False
    has_edges: bool = False
    journal: Journal = field(default_factory=Journal)
    outcome: Outcome = field(default_factory=Outcome)
    is_over: bool = False

    async def play(self, faults: Sequence[Fault]) -> Outcome:
        """Do the faults one after the other, let the run end, and judge."""
        self._armed = ArmedFolder(self.folder / "failpoints")
        async with self._run_with_parts() as run:
            self._run = run
            try:
                await self._play(faults)
            except AssertionError as error:
                self.outcome.problems.append(str(error))
        self.outcome.reached = self._armed.reached
        self.outcome.killed_at = self._armed.killed
        return self.outcome

    async def _play(self, faults: Sequence[Fault]) -> None:
        run = self._run
        await asyncio.to_thread(run.start)
        await run.until_ready()
        self._tokens = [await self._invite() for _ in range(NUM_LABELERS)]
        self._begin_answering()
        try:
            until_s = time.monotonic() + FAULTS_WITHIN_S
            for fault in faults:
                if run.has_learned or time.monotonic() > until_s:
                    break
                await asyncio.sleep(fault.after_s)
                await self._do(fault)
                self.outcome.num_faults += 1
            summary = await run.end()
        finally:
            await self._end_answering()
        await asyncio.to_thread(self._judge, summary)

    async def _do(self, fault: Fault) -> None:
        if fault.target == "store":
            await self._store.do(fault)
            self.outcome.num_kills += fault.kind == "kill"
            await self._wait_until_healed(fault)
        elif fault.target in self._edges.names:
            assert fault.kind in MODES
            self._edges.set(fault.target, cast("Mode", fault.kind))
            await asyncio.sleep(fault.for_s)
            self._edges.set(fault.target, "pass")
            await self._wait_until_healed(fault)
        elif fault.kind == "stop":
            pid = self._run.processes.by_name()[fault.target]
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(fault.for_s)
            os.kill(pid, signal.SIGCONT)
            await self._wait_until_healed(fault)
        else:
            await self._kill(fault)

    async def _kill(self, fault: Fault) -> None:
        """Kill at a failpoint if the run comes there in time, else at once; wait until it serves again."""
        before = {**self._run.processes.by_name(), "command": self._run.pid}
        fired = await self._killed_at_point(fault) if fault.detail else None
        if fired is None and fault.target in before:
            fired = Fired("", before[fault.target], time.time())
            os.kill(fired.pid, signal.SIGKILL)
        if fired is None:  # any process that comes to the point, and none did
            return
        self.outcome.num_kills += 1
        killed = next((name for name, pid in before.items() if pid == fired.pid), "")
        if killed == "command":
            await self._resume()
        elif killed:
            await self._note_restart(killed, fired)
        if killed in ("command", "learner"):
            log = self._run.run_dir / "logs" / "learner.log"
            self.outcome.lost_s.append(learning_lost_s(log, at_s=fired.at_s))

    async def _killed_at_point(self, fault: Fault) -> Fired | None:
        point, _, action = fault.detail.partition("=")
        return await self._armed.kill_at(point, action, within_s=fault.for_s)

    async def _note_restart(self, service: str, fired: Fired) -> None:
        restart = await self._run.processes.until_back(
            service, killed=fired.pid, at_s=fired.at_s, within_s=READY_WITHIN_S
        )
        assert restart is not None, f"{service} didn't serve within {READY_WITHIN_S:.0f} s: {self._run.words}"
        self.outcome.ready_s.append(restart.served_s)
        self.outcome.restarts.append(restart.as_row())

    async def _resume(self) -> None:
        await self._end_answering()
        begin_s = time.monotonic()
        while self._run.code is None:
            await asyncio.sleep(0.01)
        self._run.start(is_resumed=True)
        await self._run.until_ready()
        self.outcome.resumed_s.append(time.monotonic() - begin_s)
        self._begin_answering()

    async def _wait_until_healed(self, fault: Fault) -> None:
        """Wait for the next acknowledged answer."""
        begin_s, before = time.monotonic(), len(self.journal.acknowledged)
        while len(self.journal.acknowledged) == before:
            waited_s = time.monotonic() - begin_s
            assert waited_s < HEALED_WITHIN_S, f"no answer within {HEALED_WITHIN_S:.0f} s after {fault.text}"
            await asyncio.sleep(0.02)
        self.outcome.healed_s.append(time.monotonic() - begin_s)

    def _begin_answering(self) -> None:
        self.is_over = False
        lives = enumerate(self._tokens)
        self._answering = [asyncio.create_task(self._answer(number, token)) for number, token in lives]

    async def _end_answering(self) -> None:
        """Let calls under way end, so that what was acknowledged is in the journal."""
        self.is_over = True
        _, late = await asyncio.wait(self._answering, timeout=15)
        for task in late:
            task.cancel()
        for error in await asyncio.gather(*self._answering, return_exceptions=True):
            if isinstance(error, Exception):
                self.outcome.problems.append(f"a labeler got {type(error).__name__}: {error}"[:500])

    async def _answer(self, number: int, token: str) -> None:
        """Answer, the first labeler over gRPC and the others through the gateway."""
        generator = random.Random(f"{self.seed}/{number}/{self._run.num_resumed}")
        addresses = self._addresses()
        channel = open_channel(addresses["labeler"], token=token)
        stub: Any = labeler_pb2_grpc.LabelerServiceStub(channel)
        if number:
            stub = GatewayStub(addresses["web"].partition("//")[2].strip("/"), token)
        try:
            await answer_until(
                lambda: self.is_over, stub, self.journal, run_id=self._run.run_id, generator=generator
            )
        finally:
            await channel.close(None)

    async def _invite(self) -> str:
        """Return the token of a new labeler of the run."""
        token = json.loads((self._run.run_dir / "tokens.json").read_text())["owner"]
        request = pb.CreateLabelerRequest(
            name="of the trial", role=preference_pb2.ROLE_TEACHER, run_ids=[self._run.run_id]
        )
        async with open_channel(self._addresses()["labeler"], token=token) as channel:
            stub = labeler_pb2_grpc.LabelerServiceStub(channel)
            return str((await call(stub.CreateLabeler, request, timeout_s=10)).token)

    def _addresses(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self._run.run_dir / "addresses.json").read_text())
        return found

    @contextlib.asynccontextmanager
    async def _run_with_parts(self) -> AsyncIterator[Command]:
        """Make the store and the proxies if there are to be any, and take everything away at the end."""
        self._store, self._edges = RunStore(self.folder, seed=self.seed), Edges(self.folder, seed=self.seed)
        environment = {VARIABLE: f"@{self._armed.path}"}
        async with contextlib.AsyncExitStack() as stack:
            options: list[str] = []
            if self.on_s3:
                options = ["--storage-url", await stack.enter_async_context(self._store.serve())]
                environment |= self._store.keys
            module = "somersault.cli"
            if self.has_edges:
                environment |= await stack.enter_async_context(self._edges.open())
                module = "tests.faults.train_by_proxies"
            run = Command(self.folder, self.seed, environment, module=module, options=options)
            stack.callback(run.kill)
            yield run

    def _judge(self, summary: dict[str, Any]) -> None:
        run_dir = self._run.run_dir
        log = [message_from_row(row) for row in _log_of(run_dir)]
        self.journal.sent |= {row.answer_id for row in log if not row.answer_id.startswith(_OURS)}
        told = {name: _exported(record) for name, record in self.journal.acknowledged.items()}
        self.journal.acknowledged = told
        self.outcome.problems += problems_of(self.journal, log)
        self.outcome.num_answers = len(told)
        self.outcome.answer_s = sorted(self.journal.seconds)[-20:]
        if max(self.outcome.lost_s, default=0.0) > MAX_LOST_S:
            self.outcome.problems.append(f"{max(self.outcome.lost_s):.0f} s of learning were lost")
        counted = sum(not row.is_extra for row in log)
        if summary["labels"] > counted:  # answers may still come while the end is made
            self.outcome.problems.append(f"{summary['labels']} labels at the end, {counted} in the log")
        self.outcome.problems += _leaks(run_dir)


def _exported(record: preference_pb2.PreferenceRecord) -> Any:
    """Return a record as it is after an export and back: times in milliseconds, what is absent by its default."""
    return message_from_row(row_from_message(record))


def _log_of(run_dir: Path) -> list[dict[str, Any]]:
    """Return the rows of the run's preference log, as its command exports them."""
    command = [sys.executable, "-m", "somersault.cli", "export", str(run_dir)]
    command += ["--labels", "-", "--format", "jsonl"]
    exported = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [row for line in exported.splitlines() if (row := json.loads(line))["kind"] == "preference"]


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
