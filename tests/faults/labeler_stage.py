"""Where labelers answer while faults are done to the labeler's replicas, its database and the edges to it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from somersault.domain.roles import Role
from somersault.runtime.urls import file_url, sqlite_url
from somersault.storage import open_store
from somersault.v1 import labeler_pb2 as pb
from tests.faults.failover import PostgresqlPair
from tests.faults.faults import Fault, Outcome
from tests.faults.labelers import Journal, answer_until, problems_of
from tests.faults.linearizability import check_history
from tests.faults.lives import Life
from tests.faults.proxy import MODES, Mode, Proxy
from tests.faults.recorded_labelers import History, contend_until
from tests.faults.zygote import Zygote
from tests.services.labeler.postgresql_server import PostgresqlServer
from tests.services.labeler.running import RUN_ID, TOKENS, RunningLabeler, proposal, write_tokens

__all__ = ["LabelerStage", "Setting"]

NUM_LABELERS = 4
HISTORY_TARGET = 2
HEALED_WITHIN_S = 120.0
"""A fault that is over this long and still felt counts as not healed, on a machine that has much else to do too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a trial is played on."""

    num_replicas: int = 1
    on_postgresql: bool = False
    has_standby: bool = False
    """Whether another PostgreSQL server follows the first and takes over from it."""
    has_proxies: bool = False
    has_history: bool = False
    """Whether labelers fight for few queries that want two answers each, and their history is checked."""
    environment: dict[str, str] = field(default_factory=dict)
    """Additions to that of the labelers."""
    disk_bytes: int = 0
    """The size of a file system of its own for the database and the objects; 0 for none."""


@dataclass
class LabelerStage:
    """Plays one trial."""

    setting: Setting
    folder: Path
    seed: int
    journal: Journal = field(default_factory=Journal)
    outcome: Outcome = field(default_factory=Outcome)
    _started: dict[Life, asyncio.Event] = field(default_factory=dict)
    proxies: list[Proxy] = field(default_factory=list)
    server: PostgresqlServer | PostgresqlPair | None = None
    is_over: bool = False

    def __post_init__(self) -> None:
        """Write histories beside the journal."""
        self.history = History(self.journal)

    @property
    def lives(self) -> list[Life]:
        """The replicas."""
        return list(self._started)

    @property
    def _disk(self) -> Path:
        """Where the database and the objects are."""
        return self.folder / "disk"

    async def play(self, faults: Sequence[Fault]) -> Outcome:
        """Do all faults while labelers answer, heal everything, and judge."""
        async with self._open(), asyncio.TaskGroup() as keeping:
            keepers = [keeping.create_task(life.keep(self._started[life])) for life in self.lives]
            await asyncio.gather(*(started.wait() for started in self._started.values()))
            stubs = await self._invite()
            async with asyncio.TaskGroup() as group:
                self._begin_work(group, stubs)
                try:
                    for fault in faults:
                        await asyncio.sleep(fault.after_s)
                        await self._do(fault)
                        self.outcome.num_faults += 1
                        await self._wait_until_healed(fault)
                finally:
                    self.is_over = True
            await self._judge()
            for keeper in keepers:
                keeper.cancel()
        return self.outcome

    def _begin_work(self, group: asyncio.TaskGroup, stubs: Sequence[Any]) -> None:
        group.create_task(self._propose())
        if self.setting.has_history:
            for number, stubs_of_one in enumerate(stubs):
                generator = random.Random(f"{self.seed}/{number}")
                group.create_task(
                    contend_until(
                        lambda: self.is_over, stubs_of_one, self.history, run_id=RUN_ID, generator=generator
                    )
                )
            return
        for number, stub in enumerate(stubs):
            generator = random.Random(f"{self.seed}/{number}")
            group.create_task(
                answer_until(lambda: self.is_over, stub, self.journal, run_id=RUN_ID, generator=generator)
            )

    async def _do(self, fault: Fault) -> None:
        if fault.target == "postgresql":
            await self._crash_postgresql(fault)
        elif fault.target.startswith("edge-"):
            proxy = self.proxies[int(fault.target[5:])]
            assert fault.kind in MODES
            proxy.set(cast("Mode", fault.kind))
            await asyncio.sleep(fault.for_s)
            proxy.set("pass")
        elif fault.kind == "kill":
            await self.lives[int(fault.target[8:])].kill(within_s=fault.for_s, failpoints=fault.detail)
        elif fault.kind == "stop":
            life = self.lives[int(fault.target[8:])]
            life.signal(signal.SIGSTOP)
            await asyncio.sleep(fault.for_s)
            life.signal(signal.SIGCONT)
        elif fault.kind == "clock":
            Path(self.setting.environment["FAKETIME_TIMESTAMP_FILE"]).write_text(f"{fault.detail}\n")
        elif fault.kind == "slow_disk":
            await self.lives[0].slow_down_disk(for_s=fault.for_s)
        elif fault.kind == "full_disk":
            await _fill(self._disk, for_s=fault.for_s)
        else:
            raise AssertionError(fault)

    async def _crash_postgresql(self, fault: Fault) -> None:
        self.outcome.num_kills += 1
        if isinstance(self.server, PostgresqlPair):
            await asyncio.to_thread(self.server.fail_over)
            return
        assert self.server is not None
        await asyncio.to_thread(self.server.crash)
        await asyncio.sleep(fault.for_s)
        await asyncio.to_thread(self.server.start)

    async def _wait_until_healed(self, fault: Fault) -> None:
        """Wait for the next acknowledged answer."""
        begin_s, before = time.monotonic(), len(self.journal.acknowledged)
        while len(self.journal.acknowledged) == before:
            if time.monotonic() - begin_s > HEALED_WITHIN_S:
                self.outcome.problems.append(f"no answer within {HEALED_WITHIN_S:.0f} s after {fault.text}")
                return
            await asyncio.sleep(0.01)
        self.outcome.healed_s.append(time.monotonic() - begin_s)

    async def _invite(self) -> list[Any]:
        """Return a stub for each labeler, half of them on each replica."""
        first = self.lives[0].labeler
        await first.create_run()
        stubs = []
        for number in range(NUM_LABELERS):
            token = await first.invite()
            if self.setting.has_history:
                stubs.append([self._reached(index).as_token(token) for index in range(len(self.lives))])
                continue
            stubs.append(self._reached(number % len(self.lives)).as_token(token))
        return stubs

    def _reached(self, number: int) -> RunningLabeler:
        """Return a replica as labelers reach it: by the proxy, if there is one."""
        life = self.lives[number]
        if not self.proxies:
            return life.labeler
        return RunningLabeler(self.proxies[number].port, life.labeler.store)

    async def _propose(self) -> None:
        stub = self.lives[0].labeler.as_role(Role.SERVICE)
        number = 0
        while not self.is_over:
            names = [f"p{number + index}" for index in range(3 if self.setting.has_history else 20)]
            request = pb.ProposeQueriesRequest(run_id=RUN_ID, proposals=map(proposal, names))
            if self.setting.has_history:
                for one in request.proposals:
                    one.target_answers = HISTORY_TARGET
            assert await self.journal.call(stub.ProposeQueries, request) is not None
            number += len(names)
            await asyncio.sleep(1.0 if self.setting.has_history else 0.2)

    @contextlib.asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        """Make everything, and judge at the end, before it is taken away."""
        async with (
            Zygote(environment=self.setting.environment) as zygote,
            contextlib.AsyncExitStack() as stack,
        ):
            self._disk.mkdir()
            if self.setting.disk_bytes:
                _mount(self._disk, size_bytes=self.setting.disk_bytes)
                stack.callback(_unmount, self._disk)
            store = open_store(file_url(self._disk / "objects"))
            if self.setting.has_standby:
                self.server = await asyncio.to_thread(PostgresqlPair)
                stack.callback(self.server.remove)
                await self.server.proxy.start()
                stack.push_async_callback(self.server.proxy.close)
            elif self.setting.on_postgresql:
                self.server = PostgresqlServer()
                stack.callback(self.server.remove)
                await asyncio.to_thread(self.server.start)
            url = self.server.url if self.server else sqlite_url(self._disk / "labels.sqlite")
            arguments = (
                f"--database-url={url}",
                f"--storage-url={file_url(self._disk / 'objects')}",
                f"--token-path={write_tokens(self.folder)}",
            )
            for number in range(self.setting.num_replicas):
                log = self.folder / f"labeler-{number}.log"
                life = Life(zygote, *arguments, store=store, log=log)
                self._started[life] = asyncio.Event()
                if self.setting.has_proxies:
                    proxy = Proxy(life.port, seed=self.seed)
                    await proxy.start()
                    stack.push_async_callback(proxy.close)
                    self.proxies.append(proxy)
            yield
            for life in self.lives:
                await life.labeler.close()

    async def _judge(self) -> None:
        self.outcome.problems += problems_of(self.journal, await self.lives[0].labeler.log())
        self.outcome.problems += check_history(self.history.operations, target=HISTORY_TARGET)
        self.outcome.problems += _leaks(self._logs())
        self.outcome.num_kills += sum(life.num_kills for life in self.lives)
        self.outcome.num_answers = len(self.journal.acknowledged)
        self.outcome.killed_at = [point for life in self.lives for point in life.killed_at]
        self.outcome.ready_s = [value for life in self.lives for value in life.ready_s]
        self.outcome.answer_s = sorted(self.journal.seconds)[-20:]

    def _logs(self) -> str:
        return "".join(life.log.read_text(errors="replace") for life in self.lives if life.log.exists())


def _mount(folder: Path, *, size_bytes: int) -> None:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


async def _fill(disk: Path, *, for_s: float) -> None:
    """Leave no room on a disk for that long."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    await asyncio.sleep(for_s)
    filler.unlink()


def _leaks(logs: str) -> list[str]:
    """Return what no fault may bring into a log: an unexpected error, or a secret."""
    found = [
        f"an unexpected error was logged: {line[:300]}"
        for line in logs.splitlines()
        if _UNEXPECTED.search(line)
    ]
    found += [f"the token of role {role.value} was logged" for role, token in TOKENS.items() if token in logs]
    return found[:5]


_UNEXPECTED = re.compile(r"Traceback \(most recent call last\)|\"event\": \"(call_failed|service_failed)\"")
