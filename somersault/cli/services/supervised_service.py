"""One supervised service: starts its process, follows its health, and restarts it when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections import deque
from pathlib import Path

from somersault.cli.services.environment_exits import EnvironmentExits
from somersault.cli.services.health import wait_until_healthy
from somersault.cli.services.last_words import has_ended_itself, last_words, own_words
from somersault.cli.services.notices import Notices
from somersault.cli.services.processes import ServiceProcess
from somersault.domain.roles import Identity
from somersault.errors import ConfigError, UnavailableError
from somersault.processes.launch import launch_command
from somersault.processes.modules import module_command
from somersault.processes.private_files import PRIVATE_FOLDER
from somersault.rpc import Backoff
from somersault.runtime.app import BAD_SETTINGS, HOPELESS, UNREACHABLE
from somersault.runtime.config import inherited_environment

__all__ = ["SupervisedService"]

MAX_RESTARTS = 10
RESTART_WINDOW_S = 60.0
"""More than ``MAX_RESTARTS`` within it, or in a row without ever being healthy, and one more won't help."""

_BACKOFF_FIRST_S = 0.2
_BACKOFF_CAP_S = 5.0
_STEADY_S = 5.0
"""A life that was healthy for so long is no failure to start: whatever ended it, the next one begins at once. Ten such lives and their
starts take longer than ``RESTART_WINDOW_S``, so what is killed no sooner is restarted for ever."""
_LOG_TAIL_BYTES = 16 * 1024


class SupervisedService:
    """Owns the process of one service."""

    def __init__(self, process: ServiceProcess, *, log: Path) -> None:
        """Take what to run and the file to which its output is appended."""
        self.name = process.name
        self.ready = asyncio.Event()
        """Set once the service has been healthy for the first time."""
        self.is_ready = False
        """Whether it is healthy now, as far as we know."""
        self.num_restarts = 0
        self._spec = process
        self._log = log
        self.notices = Notices(log)
        """What it wants the user of the command to know."""
        self._log_start = 0
        self._process: asyncio.subprocess.Process | None = None
        self._restarts: deque[float] = deque(maxlen=MAX_RESTARTS + 1)
        self._num_unhealthy_lives = 0
        self._backoff = Backoff(first_s=_BACKOFF_FIRST_S, cap_s=_BACKOFF_CAP_S)
        self._is_stopping = False
        self._why_killed = ""
        self._environment_exits = EnvironmentExits(process.call_record)

    @property
    def pid(self) -> int | None:
        """The id of the running process; None if there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def run(self) -> None:
        """Keep the service running until `restart_no_more`, then return when the process ends.

        Raises:
            ConfigError: the first process refused its settings, or a later one can't ever go on.
            UnavailableError: the service dies too often.
        """
        while True:
            code = await self._live()
            if self._is_stopping:
                return
            self._refuse_hopeless(code)
            self._count_restart(code)
            await self._backoff.wait()
            if self._is_stopping:
                return

    def restart_no_more(self) -> None:
        """Don't restart the process when it ends."""
        self._is_stopping = True

    async def drain(self) -> None:
        """Ask the process to end and wait for it; kill it if it takes too long."""
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self._spec.drain_s)
            except TimeoutError:
                self._note_kill(f"killed because it had not ended within {self._spec.drain_s:.0f} s")
        self.kill()

    def kill(self, *, why: str = "") -> None:
        """Kill the process and its children; ``why`` describes that in messages if it was still running."""
        self._note_kill(why)
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def describe_log(self) -> str:
        """Return the log's last line and its path."""
        return f"its last words: {self._last_line()} (log: {self._log})"

    def describe_bad_end(self) -> str:
        """Return how its last process ended if that wasn't clean; "" otherwise, or if it was never healthy."""
        code = self._process.returncode if self._process is not None else None
        if not code or not self.ready.is_set():
            return ""
        return f"{self.name} ended badly ({self._why_killed or _describe_exit(code)}); {self.describe_log()}"

    def _note_kill(self, why: str) -> None:
        if self.pid is not None:
            self._why_killed = self._why_killed or why

    async def _live(self) -> int:
        """Run one process from start to end and return its exit code."""
        process = self._process = await self._start()
        health = asyncio.create_task(self._follow_health())
        try:
            code = await process.wait()
        finally:
            self.is_ready = False
            health.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await health
            self.kill()  # its own children must not hold the port
        return code

    async def _start(self) -> asyncio.subprocess.Process:
        program = module_command(self._spec.module, *self._spec.arguments)
        seal = self._spec.seal
        command = launch_command(program, seal="" if seal is None else seal.as_text())
        self._log.parent.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._log_start = log.tell()
            self._environment_exits.forget_calls()
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=inherited_environment(self._spec.secrets),
                process_group=0,  # Ctrl-C on the terminal reaches us alone, so that we can drain in order
            )

    async def _follow_health(self) -> None:
        await wait_until_healthy(
            self._spec.address,
            is_http=self._spec.is_http,
            is_tls=self._spec.is_tls,
            certificates=self._spec.certificates,
            peer=Identity(self.name) if self._spec.certificates is not None else None,
        )
        self.is_ready = True
        self._num_unhealthy_lives = 0
        self.ready.set()
        await asyncio.sleep(_STEADY_S)
        self._backoff.reset()

    def _refuse_hopeless(self, code: int) -> None:
        """Raise `ConfigError` if another process would end in the same way.

        An environment may end the process with any exit code, even a service's, so a code has a service's meaning only
        together with the service's own line.
        """
        lines = self._lines()
        own = own_words(lines)
        is_first = not self.ready.is_set()
        if own and (code == HOPELESS or (code in (BAD_SETTINGS, UNREACHABLE) and is_first)):
            raise ConfigError(own)
        if not has_ended_itself(lines):
            problem = self._environment_exits.note(code, how=_describe_exit(code))
            if problem:
                raise ConfigError(f"{problem}; {self.describe_log()}")

    def _count_restart(self, code: int) -> None:
        now = time.monotonic()
        self.num_restarts += 1
        if code == UNREACHABLE and own_words(self._lines()):
            return  # it served before, so a store that is away for an hour may not end the run
        self._num_unhealthy_lives += 1
        self._restarts.append(now)
        is_full = len(self._restarts) > MAX_RESTARTS
        if is_full and now - self._restarts[0] < RESTART_WINDOW_S:
            often = f"{MAX_RESTARTS} times within {RESTART_WINDOW_S:.0f} s"
        elif self._num_unhealthy_lives > MAX_RESTARTS:
            often = f"{MAX_RESTARTS} times without ever becoming ready"
        else:
            return
        raise UnavailableError(
            f"{self.name} was restarted {often} and ended again ({_describe_exit(code)}); {self.describe_log()}"
        )

    def _last_line(self) -> str:
        """Return the line that says why this process of the service ended."""
        return last_words(self._lines())

    def _lines(self) -> list[str]:
        """Return the newest log lines of this process."""
        with self._log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - _LOG_TAIL_BYTES))
            return log.read().decode("utf-8", errors="replace").strip().splitlines()


def _describe_exit(code: int) -> str:
    if code == -signal.SIGKILL:
        return "killed by SIGKILL, as the system does when memory runs out"
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
