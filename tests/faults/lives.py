"""Labelers that are killed, stopped and started again on one port each, over one database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path

from somersault.domain.roles import Role
from somersault.runtime.app import BAD_SETTINGS, FAILED, UNREACHABLE
from somersault.storage import ObjectStore
from somersault.v1 import labeler_pb2 as pb
from tests.faults.zygote import Zygote
from tests.services.labeler.running import RunningLabeler
from tests.somersault.storage.conftest import find_free_port

__all__ = ["Life"]

_WITHOUT_DATABASE = (BAD_SETTINGS, FAILED, UNREACHABLE)
"""Exit codes of a labeler that begins while its database is away; whatever runs it starts it again."""
_RESTART_S = 0.2


class Life:
    """One labeler after the other under one name: whenever one has been killed, the next begins."""

    def __init__(self, zygote: Zygote, *arguments: str, store: ObjectStore, log: Path) -> None:
        """Take the labeler's settings besides its port, its object store and where it logs."""
        self.port = find_free_port()
        self.log = log
        self.labeler = RunningLabeler(self.port, store)
        self.ready_s: list[float] = []
        """How long each life but the first took to answer, from its start."""
        self.num_kills = 0
        self.killed_at: list[str] = []
        """Failpoints at which it was."""
        self._zygote = zygote
        self._arguments = (f"--port={self.port}", *arguments)
        self._failpoints = self._armed = ""
        self._pid = 0

    async def keep(self, started: asyncio.Event) -> None:
        """Begin life after life until cancelled; tell when the first one answers."""
        while True:
            begin_s = time.monotonic()
            failpoints, self._failpoints = self._failpoints, ""
            self._armed = failpoints.partition("=")[0]
            self._pid = await self._zygote.start(*self._arguments, failpoints=failpoints, log=self.log)
            ended = asyncio.ensure_future(self._zygote.ended(self._pid))
            if await self._is_ready(ended) and started.is_set():
                self.ready_s.append(time.monotonic() - begin_s)
            started.set()
            code = await ended
            if code == -signal.SIGKILL:
                self.num_kills += 1
                continue
            words = self.log.read_text(errors="replace")[-2000:]
            assert code in _WITHOUT_DATABASE, f"exit code {code}: {words}"
            assert "can't be used" in words, f"exit code {code}: {words}"
            await asyncio.sleep(_RESTART_S)

    async def kill(self, *, within_s: float, failpoints: str) -> None:
        """Wait that long for an end at a failpoint, else kill; the next life has these failpoints."""
        self._failpoints, before = failpoints, self.num_kills
        point, give_up_s = self._armed, time.monotonic() + within_s
        while self.num_kills == before:
            if time.monotonic() >= give_up_s:
                self.signal(signal.SIGKILL)
                point = ""
            await asyncio.sleep(0.005)
        self.killed_at += [point] if point else []

    async def _is_ready(self, ended: asyncio.Future[int]) -> bool:
        """Wait until it answers or has ended."""
        owner = self.labeler.as_role(Role.OWNER)
        while not ended.done():
            with contextlib.suppress(Exception):
                await owner.WhoAmI(pb.WhoAmIRequest(), timeout=0.5, wait_for_ready=True)
                return True
            await asyncio.sleep(0.01)
        return False

    async def slow_down_disk(self, *, for_s: float) -> None:
        """Make each fsync of this life take half a second longer, for that long."""
        command = [
            "strace",
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=fsync,fdatasync",
            "-p",
            str(self._pid),
        ]
        command += ["-e", "inject=fsync,fdatasync:delay_enter=500000"]
        process = await asyncio.create_subprocess_exec(*command)
        await asyncio.sleep(for_s)
        process.send_signal(signal.SIGINT)
        await process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it lives."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, number)
