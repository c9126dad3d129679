"""Starts a run's processes, restarts those that die, and stops them in order."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

from somersault.cli.services.processes import ServiceProcess
from somersault.cli.services.supervised_service import SupervisedService
from somersault.errors import UnavailableError

__all__ = ["Supervisor"]

READY_TIMEOUT_S = 180.0  # importing torch twice at once on a slow disk takes most of a minute


class Supervisor:
    """Keeps the processes of one run alive.

    Used from the main thread's event loop only, because a child ends with the thread that started it.
    """

    def __init__(self, processes: Sequence[ServiceProcess], *, logs: Path, num_restarts: int = 0) -> None:
        """Take the processes in drain order, and how many restarts the run had before."""
        self._services = [
            SupervisedService(process, log=logs / f"{process.name}.log") for process in processes
        ]
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._num_restarts_before = num_restarts

    @property
    def num_restarts(self) -> int:
        """How many times a service was restarted, over all lives of the run."""
        return self._num_restarts_before + sum(service.num_restarts for service in self._services)

    @property
    def restarting(self) -> list[str]:
        """Names of the services that are down or not ready."""
        return [service.name for service in self._services if not service.is_ready]

    def read_notices(self) -> list[str]:
        """Return the notices of all services since the last call."""
        return [f"{service.name}: {text}" for service in self._services for text in service.notices.read()]

    def process_ids(self) -> dict[str, int]:
        """Return the process id of each running service."""
        return {service.name: service.pid for service in self._services if service.pid is not None}

    async def start(self, names: Collection[str] | None = None) -> None:
        """Start services at once and return when each has been healthy.

        Args:
            names: The services; None for all that aren't started yet.

        Raises:
            ConfigError: a service refused its settings; the text is its own line.
            UnavailableError: one can't be kept running or isn't ready in time.
        """
        for service in self._services:
            if service.name not in self._tasks and (names is None or service.name in names):
                self._tasks[service.name] = asyncio.create_task(service.run())
        ready = asyncio.create_task(self._wait_until_ready())
        failed = asyncio.create_task(self.watch())
        waiting = {ready, failed}
        try:
            await asyncio.wait(waiting, timeout=READY_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
            if failed.done():
                failed.result()
            if not ready.done():
                raise UnavailableError(self._describe_unready())
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def watch(self) -> None:
        """Wait until a service can't be kept running and raise why."""
        done, _ = await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def stop(self) -> str:
        """Stop the first process with SIGTERM, then the others together; kill what doesn't end in time.

        Returns:
            How the first ended if it could not store what it should; "" if it could.
        """
        first, rest = self._services[:1], self._services[1:]
        for service in self._services:
            service.restart_no_more()
        for group in (first, rest):
            await asyncio.gather(*(service.drain() for service in group))
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        return "".join(service.describe_bad_end() for service in first)

    def kill(self) -> None:
        """Kill every process at once, as a second Ctrl-C asks for."""
        for service in self._services:
            service.restart_no_more()
            service.kill(why="killed at the second Ctrl-C")

    async def _wait_until_ready(self) -> None:
        for service in self._services:
            if service.name in self._tasks:
                await service.ready.wait()

    def _describe_unready(self) -> str:
        service = next(one for one in self._services if one.name in self._tasks and not one.ready.is_set())
        return f"{service.name} was not ready within {READY_TIMEOUT_S:.0f} s; {service.describe_log()}"
