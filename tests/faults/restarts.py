"""How soon the services of a run serve again after they were killed, and where the time went, as their logs say."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Processes", "Restart", "events_of", "learning_lost_s"]

_SERVICE = re.compile(r"-m\0services\.([a-z]+)\0")
_PROBE_S = 0.03
_TAIL_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """Seconds from a kill."""

    service: str
    waited_s: float
    """Until the next process was started: the supervisor's wait."""
    imported_s: float
    """Until that process had read its settings: interpreter and imports."""
    served_s: float
    """Until it served."""

    def as_row(self) -> list[float | str]:
        """Return it as in the history: the service, and how long each part took."""
        parts = (self.waited_s, self.imported_s - self.waited_s, self.served_s - self.imported_s)
        return [self.service, *(round(part, 3) for part in parts)]


class Processes:
    """The services of one run: which process each has, and when a new one serves."""

    def __init__(self, run_dir: Path) -> None:
        """Take the run's folder, which holds its logs."""
        self._logs = run_dir / "logs"
        self.command_pid = 0

    def by_name(self) -> dict[str, int]:
        """Return the process of each service that runs now."""
        found = {}
        for pid in _descendants(self.command_pid):
            with contextlib.suppress(OSError):
                if match := _SERVICE.search(Path(f"/proc/{pid}/cmdline").read_text()):
                    found[match[1]] = pid
        return found

    def is_serving(self, service: str) -> bool:
        """Return whether the process that a service has now serves."""
        with contextlib.suppress(OSError, KeyError):
            begun_s = _begun_s(self.by_name()[service])
            return any(name == "serving" and when > begun_s for name, when in self._events(service))
        return False

    async def until_serving(self, service: str, *, within_s: float) -> bool:
        """Wait until it serves."""
        give_up_s = time.monotonic() + within_s
        while not (is_serving := self.is_serving(service)) and time.monotonic() < give_up_s:
            await asyncio.sleep(_PROBE_S)
        return is_serving

    async def until_back(self, service: str, *, killed: int, at_s: float, within_s: float) -> Restart | None:
        """Wait until the life after a killed process serves; None if none does.

        Args:
            service: Which.
            killed: The process that was killed.
            at_s: When (`time.time`).
            within_s: How long to wait.
        """
        while time.time() - at_s < within_s:
            lived = {name: when for name, when in self._events(service) if when > at_s}
            pid = self.by_name().get(service, killed)
            with contextlib.suppress(OSError, KeyError):
                if pid != killed:
                    parts = (_begun_s(pid), lived.get("starting", lived["serving"]), lived["serving"])
                    waited_s, imported_s, served_s = (max(0.0, part - at_s) for part in parts)
                    return Restart(
                        service=service, waited_s=waited_s, imported_s=imported_s, served_s=served_s
                    )
            await asyncio.sleep(_PROBE_S)
        return None

    def _events(self, service: str) -> Iterator[tuple[str, float]]:
        return events_of(self._logs / f"{service}.log")


def learning_lost_s(log: Path, *, at_s: float) -> float:
    """Return how much learning a learner lost that was killed: the seconds since it had stored what its next life restored.

    Its log says what it stored and when, but not if it was killed just then; nothing is lost in that case. The progress log
    doesn't say: its rows are taken back with the steps.
    """
    events = [(event, when) for event, when in _records_of(log, tail_bytes=sys.maxsize)]
    restored = [event["env_steps"] for event, when in events if event["event"] == "restored" and when > at_s]
    if not restored:
        return at_s - next(when for event, when in events if event["event"] == "serving")
    stored = [
        when
        for event, when in events
        if event["event"] == "checkpoint_stored" and event["env_steps"] == restored[0] and when <= at_s
    ]
    return at_s - stored[-1] if stored else 0.0


def events_of(log: Path) -> Iterator[tuple[str, float]]:
    """Yield the names of a log's newest events, and when each was (`time.time`)."""
    for event, when in _records_of(log, tail_bytes=_TAIL_BYTES):
        yield str(event["event"]), when


def _records_of(log: Path, *, tail_bytes: int) -> Iterator[tuple[dict[str, Any], float]]:
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - tail_bytes))
        for line in file.read().decode(errors="replace").splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                event = json.loads(line)
                yield event, dt.datetime.fromisoformat(event["timestamp"]).timestamp()


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            for child in (task / "children").read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found


def _begun_s(pid: int) -> float:
    """Return when a process was started (`time.time`)."""
    ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    up_s = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - (up_s - ticks / os.sysconf("SC_CLK_TCK"))
