"""Starts labelers by forking a process that has imported everything: 0.1 s of processor time a life instead of 1.5 s.

python -m tests.faults.zygote

Reads a line of JSON for each process to start and writes ``PID``; when one has ended it writes ``PID CODE``. A child is a
labeler like any other, with its own sockets, threads and files. With an environment of its own it is a new program: what that
loads, such as a library that changes the time, may not live through a fork.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from somersault.runtime.failpoints import VARIABLE

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Zygote:
    """Owns the process that forks; used from one event loop."""

    def __init__(self, *, environment: Mapping[str, str] | None = None) -> None:
        """Begin without it; take what its environment has besides ours."""
        self._environment = dict(environment or {})
        self._started: asyncio.Queue[int] = asyncio.Queue()
        self._ended: dict[int, asyncio.Future[int]] = {}

    async def __aenter__(self) -> Self:
        """Start it."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __name__,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Kill it, and with it what it started."""
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def start(self, *arguments: str, failpoints: str = "", log: Path = Path("/dev/null")) -> int:
        """Start a labeler and return its process id."""
        order = {
            "arguments": arguments,
            "environment": {**self._environment, VARIABLE: failpoints},
            "is_executed": bool(self._environment),
            "log": str(log),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        return await self._started.get()

    async def ended(self, pid: int) -> int:
        """Wait for the end of a labeler and return its exit code, negative if a signal ended it."""
        return await asyncio.shield(self._future(pid))

    def _future(self, pid: int) -> asyncio.Future[int]:
        if pid not in self._ended:
            self._ended[pid] = asyncio.get_running_loop().create_future()
        return self._ended[pid]

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            pid, *code = map(int, line.split())
            if code:
                self._future(pid).set_result(code[0])
            else:
                self._started.put_nowait(pid)


def main() -> None:
    """Fork for each line."""
    from services.labeler.application import build
    from services.labeler.config import LabelerConfig

    writing = threading.Lock()
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _live(order, LabelerConfig, build)
        _say(f"{pid}", writing)
        threading.Thread(target=_wait_for, args=(pid, writing), daemon=True).start()


def _live(order: dict[str, Any], config_type: Any, build: Any) -> None:
    from somersault.runtime import app

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.environ.update(order["environment"])
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    if order["is_executed"]:
        os.execv(sys.executable, [sys.executable, "-m", "services.labeler", *order["arguments"]])  # noqa: S606
    os._exit(app.main("labeler", config_type, build, arguments=order["arguments"]))


def _wait_for(pid: int, writing: threading.Lock) -> None:
    _, status = os.waitpid(pid, 0)
    _say(f"{pid} {os.waitstatus_to_exitcode(status)}", writing)


def _say(line: str, writing: threading.Lock) -> None:
    with writing:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
