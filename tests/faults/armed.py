"""Failpoints that are armed in a folder while a run's processes pass them."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path

from somersault.runtime.failpoints import POINTS

__all__ = ["ArmedFolder", "Fired"]

_PROBE_S = 0.02


@dataclass(frozen=True, slots=True)
class Fired:
    """A fault that happened at a point."""

    point: str
    pid: int
    """In which process."""
    at_s: float
    """When (`time.time`)."""


class ArmedFolder:
    """Owns the folder. Every point begins with a note in it, so that what a run comes to at all is known."""

    def __init__(self, path: Path) -> None:
        """Make it."""
        self.path = path
        self._fired = path / "fired"
        self._fired.mkdir(parents=True)
        for name in POINTS:
            (path / name).write_text("note")

    @property
    def reached(self) -> list[str]:
        """Names of the points that were passed, in order."""
        return sorted({point.name.rsplit(".", 2)[0] for point in self._fired.iterdir()})

    @property
    def killed(self) -> list[str]:
        """Names of the points at which a process was killed, as often as one was."""
        points = sorted(self._fired.iterdir())
        return [point.name.rsplit(".", 2)[0] for point in points if point.read_text().startswith("kill")]

    async def kill_at(self, point: str, action: str, *, within_s: float) -> Fired | None:
        """Arm a point and wait until the fault has happened there; take it away and return None if it doesn't in time."""
        armed, waiting = self.path / point, self.path.parent / f"{point}.armed"
        waiting.write_text(action)
        os.utime(waiting)
        waiting.replace(armed)  # whoever reads it reads all of it
        number = armed.stat().st_ino if armed.exists() else 0
        give_up_s = time.monotonic() + within_s
        while armed.exists() and time.monotonic() < give_up_s:
            await asyncio.sleep(_PROBE_S)
        try:
            armed.unlink()
        except FileNotFoundError:
            return self._newest(point, number)
        armed.write_text("note")
        return None

    def _newest(self, point: str, number: int) -> Fired | None:
        fired = [file for file in self._fired.glob(f"{point}.*") if number in (0, file.stat().st_ino)]
        if not fired:
            return None
        newest = max(fired, key=lambda file: int(file.suffix[1:]))
        return Fired(point, int(newest.name.rsplit(".", 2)[1]), int(newest.suffix[1:]) / 1e9)
